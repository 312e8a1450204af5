// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

const (
	// runs of each comparison and figure, the median of which counts.
	runs = 5
	// samples of a call in each run.
	samples = 30
	// limit is what the ninth decile of a session may grow by while a device is waited for.
	limit = 1.5
	// tries is how often a comparison that fails is made anew: what else the machine does
	// can make one fail, a coupling in the agent shows each time.
	tries = 3
)

// TestFigures measures in the VM what docs/performance.md says of it. Times are only
// told; what can fail is a comparison with the same VM a moment before.
func TestFigures(t *testing.T) {
	vm, agent := bootPod(t, lab.Options{
		MemoryMiB: 768, // below 512 Linux gives huge pages to nobody
		CgroupV2:  true, Modules: lab.FullModules(), KernelArgs: []string{"agent.hotplug_timeout=30", "agent.log=warn"},
	})
	c := agent.RunSleeper(t, "c1")
	figureMemory(t, vm)
	execs(t, c) // everything is warm then
	t.Run("plug", func(t *testing.T) { figurePlug(t, vm, agent) })
	t.Run("exec", func(t *testing.T) {
		floor := figureSpawn(t, c)
		d := execs(t, c)
		t.Logf("exec, read both streams, wait, one at a time: median %v, p90 %v; floor, a bare spawn by the guest's shell: %v; %.1f floors",
			decile(d, 5), decile(d, 9), floor, float64(decile(d, 5))/float64(floor))
	})
	t.Run("stdout", func(t *testing.T) { figureStdout(t, agent, c) })
	t.Run("exec while a device is waited for", func(t *testing.T) { compareWaiting(t, agent, c) })
	agent.DestroySandbox(t)
}

// figureMemory is the anonymous memory of the agent, its init and its helper, in a guest
// whose kernel gives huge pages to all who do not refuse. Their binary is in the initramfs,
// which makes it shared memory, and is not counted.
func figureMemory(t *testing.T, vm *lab.VM) {
	t.Helper()
	const ours = "for p in /proc/[0-9]*; do case $(cat $p/comm) in kata-*) cat $p/status $p/smaps_rollup;; esac; done 2>/dev/null"
	out := vm.Shell(t, ours+" | awk '/^RssAnon/ {n+=$2} /^AnonHugePages/ {huge+=$2} END {print n, huge}'")
	var anonymous, huge int
	if _, err := fmt.Sscan(out, &anonymous, &huge); err != nil {
		t.Errorf("%q: %v", out, err)
	}
	t.Logf("anonymous memory with a container: %d KiB, huge pages are given %s",
		anonymous, vm.Shell(t, "cat /sys/kernel/mm/transparent_hugepage/enabled"))
	if huge != 0 {
		t.Errorf("%d KiB of huge pages", huge)
	}
}

// figurePlug is the time from the moment QEMU is told to plug a disk until the container
// that uses it is created.
func figurePlug(t *testing.T, vm *lab.VM, agent *host.Agent) {
	var took []time.Duration
	for i := range runs {
		word := fmt.Sprint("figure", i)
		s := &protocols.Storage{Driver: "blk", Source: vm.NextRootPort()}
		req := volumeRequest(t, agent, word, s)
		image := volumeImage(t, word)
		start := time.Now()
		disk := vm.PlugDisk(t, image, lab.RootPort)
		c := agent.Create(t, req)
		took = append(took, time.Since(start).Round(time.Millisecond))
		c.Start(t)
		checkVolume(t, agent, c, word, s)
		vm.Unplug(t, disk)
	}
	slices.Sort(took)
	t.Logf("from plugging a disk to the created container: median %v of %v", took[runs/2], took)
}

// figureSpawn is what a process costs in this guest without an agent: fork, exec and wait
// of the container's own shell.
func figureSpawn(t *testing.T, c *host.Container) time.Duration {
	const spawns = 200
	script := fmt.Sprintf("i=0; while [ $i -lt %d ]; do /bin/echo hi; i=$((i+1)); done >/dev/null", spawns)
	start := time.Now()
	c.Shell(t, script)
	return (time.Since(start) / spawns).Round(10 * time.Microsecond)
}

// figureCall is the least a call can take: there and back.
func figureCall(t *testing.T, agent *host.Agent) time.Duration {
	took := make([]time.Duration, 200)
	for i := range took {
		start := time.Now()
		agent.Check(t)
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return decile(took, 5)
}

// readRate reads a process's output to its end and returns MiB/s. The end may be an answer
// without data or an error, as agents differ in it.
func readRate(t *testing.T, agent *host.Agent, cid, execID string, mebibytes int) float64 {
	t.Helper()
	start, total := time.Now(), 0
	for {
		resp, err := agent.Try(t.Context(), "ReadStdout", &protocols.ReadStreamRequest{ContainerId: cid, ExecId: execID, Len: 32 << 10})
		if err != nil {
			break
		}
		n := len(resp.(*protocols.ReadStreamResponse).Data)
		if n == 0 {
			break
		}
		total += n
	}
	if total != mebibytes<<20 {
		t.Errorf("%d bytes read, want %d MiB", total, mebibytes)
	}
	return float64(total) / (1 << 20) / time.Since(start).Seconds()
}

// figureStdout reads what a process writes as fast as it can, 32 KiB per call.
func figureStdout(t *testing.T, agent *host.Agent, c *host.Container) {
	const mebibytes = 64
	floor := figureCall(t, agent)
	var rates []float64
	for i := range runs {
		id := fmt.Sprint("flood-", i)
		agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: c.ID, ExecId: id,
			Process: host.Process("dd", "if=/dev/zero", "bs=1M", fmt.Sprint("count=", mebibytes))})
		rates = append(rates, readRate(t, agent, c.ID, id, mebibytes))
		c.Wait(t, id)
	}
	slices.Sort(rates)
	t.Logf("standard output, 32 KiB per call: median %.0f MiB/s of %.0f; floor, an empty call: %v, which allows %.0f MiB/s",
		rates[runs/2], rates, floor, 1/32.0/floor.Seconds())
}

// compareWaiting is the same session with and without another container's creation that
// waits for a disk that never comes.
func compareWaiting(t *testing.T, agent *host.Agent, c *host.Container) {
	req := volumeRequest(t, agent, "never", &protocols.Storage{Driver: "blk", Source: "0c/00"})
	for try := range tries {
		var ratios []float64
		for range runs {
			quiet := decile(execs(t, c), 9)
			end := waitForDisk(t, agent, req)
			ratios = append(ratios, float64(decile(execs(t, c), 9))/float64(quiet))
			end()
		}
		slices.Sort(ratios)
		t.Logf("p90 of a session while a device is waited for / quiet: median %.2f of %.2f", ratios[runs/2], ratios)
		if ratios[runs/2] <= limit {
			return
		}
		t.Logf("try %d: slower", try+1)
	}
	t.Error("a device that is waited for slows another container's sessions")
}

// waitForDisk begins a creation that waits; end gives it up.
func waitForDisk(t *testing.T, agent *host.Agent, req *protocols.CreateContainerRequest) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := agent.Try(ctx, "CreateContainer", req)
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the creation that is to wait has ended: %v", err)
	case <-time.After(100 * time.Millisecond): // clock: what is wrong needs that long to end
	}
	return func() {
		cancel()
		if err := <-done; err == nil {
			t.Error("a container was created with a disk that never came")
		}
		// The call is given up on the host only; the agent is told by its removal.
		_, _ = agent.Try(t.Context(), "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: req.ContainerId})
	}
}

// execs are the times of one session after another.
func execs(t *testing.T, c *host.Container) []time.Duration {
	t.Helper()
	took := make([]time.Duration, samples)
	for i := range took {
		start := time.Now()
		if out := c.Exec(t, "echo", "hi"); out.Stdout != "hi\n" || out.Status != 0 {
			t.Fatalf("%+v", out)
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took
}

func decile(sorted []time.Duration, n int) time.Duration {
	return sorted[len(sorted)*n/10].Round(10 * time.Microsecond)
}
