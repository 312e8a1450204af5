// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(stockEnv); path != "" {
		serveStock(path)
		return
	}
	_ = os.Setenv("KATA_TEST_RACE", "0")
	harness.Main(m)
}

// rounds of one measurement; the median of all is reported.
const rounds = 200

// pod starts an agent with one running container.
func pod(b *testing.B) (*harness.Agent, string) {
	b.Helper()
	return podWith(b, "")
}

// podWith is pod with words on the kernel command line.
func podWith(b *testing.B, cmdline string) (*harness.Agent, string) {
	b.Helper()
	a := harness.Start(b, harness.Options{Cmdline: cmdline, Env: []string{"KATA_AGENT_LOG_LEVEL=warn", "GOGC=" + agentGOGC()}})
	ctx := b.Context()
	guesttest.Must(b, a.Do(ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "sb"}))
	root := harness.Rootfs(b)
	guesttest.Must(b, a.Create(ctx, "c1", a.Spec("c1", root, "sleep", "100000")))
	guesttest.Must(b, a.StartContainer(ctx, "c1"))
	return a, root
}

// agentGOGC is the agent's own: GOGC is for the client of the measurement, whose collector
// is half of what a stream measurement measures (400 is usual).
func agentGOGC() string {
	if v := os.Getenv("KATA_BENCH_AGENT_GOGC"); v != "" {
		return v
	}
	return "" // what the agent chooses
}

// floor is a bare spawn of the same program: fork, exec, read to the end, wait.
func floor(b *testing.B) time.Duration {
	begin := time.Now()
	r, w, err := os.Pipe()
	guesttest.Must(b, err)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	guesttest.Must(b, err)
	pid, err := syscall.ForkExec("/bin/busybox", []string{"echo", "hi"}, &syscall.ProcAttr{
		Files: []uintptr{null.Fd(), w.Fd(), w.Fd()},
	})
	guesttest.Must(b, err)
	w.Close()
	null.Close()
	out, err := io.ReadAll(r)
	guesttest.Must(b, err)
	r.Close()
	var ws syscall.WaitStatus
	_, err = syscall.Wait4(pid, &ws, 0, nil)
	guesttest.Must(b, err)
	if string(out) != "hi\n" {
		b.Fatalf("floor printed %q", out)
	}
	return time.Since(begin)
}

var serial atomic.Int64

// session is one exec of echo: start, read to the end, wait.
func session(b testing.TB, ctx context.Context, a *harness.Agent) time.Duration {
	id := fmt.Sprintf("e%d", serial.Add(1))
	begin := time.Now()
	out, status, err := a.Run(ctx, "c1", id, "/bin/echo", "hi")
	if err != nil || out != "hi\n" || status != 0 {
		b.Errorf("session: %q, %d, %v", out, status, err)
	}
	return time.Since(begin)
}

// BenchmarkOneAtATime reports the median of a session in floors.
func BenchmarkOneAtATime(b *testing.B) {
	a, _ := pod(b)
	for b.Loop() {
		ours, bare := inTurn(b, a, rounds)
		b.ReportMetric(quantile(ours, .5)/quantile(bare, .5), "floors")
		b.ReportMetric(quantile(ours, .5), "p50-us")
		b.ReportMetric(quantile(ours, .99), "p99-us")
		b.ReportMetric(quantile(bare, .5), "floor-us")
	}
}

// inTurn measures n sessions and as many floors.
func inTurn(b *testing.B, a *harness.Agent, n int) (ours, bare []time.Duration) {
	for range n {
		bare = append(bare, floor(b))
		ours = append(ours, session(b, b.Context(), a))
	}
	slices.Sort(ours)
	slices.Sort(bare)
	return ours, bare
}

// quantile of sorted times, in microseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	return float64(sorted[int(q*float64(len(sorted)-1))]) / float64(time.Microsecond)
}

// BenchmarkAtATime32 reports sessions per second, 32 at a time.
func BenchmarkAtATime32(b *testing.B) {
	a, _ := pod(b)
	const total, width = 3000, 32
	for b.Loop() {
		begin := time.Now()
		var next atomic.Int64
		var wg sync.WaitGroup
		for range width {
			wg.Go(func() {
				for next.Add(1) <= total {
					session(b, b.Context(), a)
				}
			})
		}
		wg.Wait()
		b.ReportMetric(total/time.Since(begin).Seconds(), "sessions/s")
	}
}

// BenchmarkLife reports the median of create, start, kill, wait and remove in floors.
func BenchmarkLife(b *testing.B) {
	a, root := pod(b)
	ctx := b.Context()
	for b.Loop() {
		var ours, bare []time.Duration
		for range rounds / 4 {
			bare = append(bare, floor(b))
			id := fmt.Sprintf("life%d", serial.Add(1))
			spec := a.Spec(id, root, "sleep", "1000")
			begin := time.Now()
			guesttest.Must(b, a.Create(ctx, id, spec))
			guesttest.Must(b, a.StartContainer(ctx, id))
			guesttest.Must(b, a.Signal(ctx, id, "", 9))
			_, err := a.Wait(ctx, id, id)
			guesttest.Must(b, err)
			guesttest.Must(b, a.Remove(ctx, id))
			ours = append(ours, time.Since(begin))
		}
		slices.Sort(ours)
		slices.Sort(bare)
		b.ReportMetric(float64(ours[len(ours)/2])/float64(bare[len(bare)/2]), "floors")
		b.ReportMetric(float64(ours[len(ours)/2])/float64(time.Millisecond), "p50-ms")
	}
}

// BenchmarkHold reports the agent's memory for each held session with three calls pending.
func BenchmarkHold(b *testing.B) {
	const held = 1000
	a, _ := pod(b)
	ctx := b.Context()
	session(b, ctx, a)
	for b.Loop() {
		before := memory(b, a.Pid)
		done, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		var ids []string
		for range held {
			id := fmt.Sprintf("h%d", serial.Add(1))
			guesttest.Must(b, a.Exec(ctx, "c1", id, harness.Process("/bin/cat")))
			wg.Go(func() { _, _ = a.ReadAll(done, "c1", id) })
			wg.Go(func() { _, _ = a.ReadStderr(done, "c1", id, 4096) })
			wg.Go(func() { _, _ = a.Wait(done, "c1", id) })
			ids = append(ids, id)
		}
		time.Sleep(time.Second)
		during := memory(b, a.Pid)
		ours, bare := inTurn(b, a, 3*rounds)
		b.ReportMetric(quantile(ours, .5), "beside-p50-us")
		b.ReportMetric(quantile(ours, .99), "beside-p99-us")
		b.ReportMetric(quantile(bare, .99), "floor-p99-us")
		for _, id := range ids {
			guesttest.Must(b, a.Do(ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: "c1", ExecId: id}))
		}
		wg.Wait()
		cancel()
		time.Sleep(10 * time.Second)
		after := memory(b, a.Pid)
		b.ReportMetric(float64(during-before)/held, "KiB/session")
		b.ReportMetric(float64(before), "KiB-before")
		b.ReportMetric(float64(after-before), "KiB-kept")
		fds, _ := os.ReadDir(filepath.Join("/proc", fmt.Sprint(a.Pid), "fd"))
		b.ReportMetric(float64(len(fds)), "fds-after")
	}
}

// memory is the anonymous and shared memory of the agent and its helper, in KiB.
func memory(b *testing.B, pid int) int {
	total := 0
	pids := []int{pid}
	out, _ := exec.Command("pgrep", "-P", fmt.Sprint(pid), "-f", "kata-spawner").Output()
	var helper int
	if n, _ := fmt.Sscan(string(out), &helper); n == 1 {
		pids = append(pids, helper)
	}
	for _, p := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		guesttest.Must(b, err)
		for _, key := range []string{"RssAnon:", "RssShmem:"} {
			total += field(string(text), key)
		}
	}
	return total
}

func field(text, key string) int {
	var n int
	for i := 0; i+len(key) < len(text); i++ {
		if text[i:i+len(key)] == key {
			_, _ = fmt.Sscan(text[i+len(key):], &n)
		}
	}
	return n
}
