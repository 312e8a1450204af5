// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

const (
	// streamCount sessions write a line every 0.2 s.
	streamCount = 20
	// counter waits for its standard input, which never says anything, not for a process.
	counter = "n=0; while :; do echo $n; n=$((n+1)); read -t 0.2 x; done"
	// maxGap is how long a stream may be silent while something is plugged, unless it is
	// as long without.
	maxGap = time.Second
)

// TestStreamsDuringHotplug has sessions write without a break while every kind of device
// is plugged and put to use.
func TestStreamsDuringHotplug(t *testing.T) {
	vm, agent := bootPod(t, lab.Options{CgroupV2: true, Modules: lab.FullModules()})
	c := agent.RunSleeper(t, "streams")
	s := startStreams(t, agent, c)

	const phase = 12 * time.Second
	quiet := s.worst(func() { time.Sleep(phase) })
	allowed := max(maxGap, quiet)
	t.Logf("longest silence of a stream, nothing plugged: %v", quiet)
	for _, plug := range hotplugs {
		start := time.Now()
		worst := s.worst(func() { plug.do(t, vm, agent) })
		t.Logf("longest silence of a stream, %s: %v (took %v)", plug.name, worst, time.Since(start).Round(time.Millisecond))
		if worst > allowed {
			t.Errorf("%s: a stream was silent for %v; %v without", plug.name, worst, quiet)
		}
	}
	c.Remove(t)
	s.check(t)
	agent.DestroySandbox(t)
}

// hotplugs are what a host plugs into a running pod.
var hotplugs = []struct {
	name string
	do   func(*testing.T, *lab.VM, *host.Agent)
}{
	{"virtio-blk disk", func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		disk := vm.PlugDisk(t, volumeImage(t, "blk"), lab.RootPort)
		useVolume(t, agent, "blk", &protocols.Storage{Driver: "blk", Source: disk.PCIPath})
		vm.Unplug(t, disk)
	}},
	{"SCSI disk", func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		disk := vm.PlugSCSI(t, volumeImage(t, "scsi"))
		useVolume(t, agent, "scsi", &protocols.Storage{Driver: "scsi", Source: disk.SCSI})
		vm.Unplug(t, disk)
	}},
	{"nvdimm", func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		vm.PlugPMEM(t, lab.Ext4(t, 128, map[string]string{"word": "pmem"}))
		useVolume(t, agent, "pmem", &protocols.Storage{Driver: "nvdimm", Source: "/dev/pmem0"})
	}},
	{"network device", func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		nic := vm.PlugNIC(t, lab.RootPort)
		agent.Call(t, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: &protocols.Interface{
			Device: "pod0", Name: "pod0", HwAddr: nic.MAC, DevicePath: nic.PCIPath, Mtu: 1500,
			IPAddresses: []*protocols.IPAddress{{Address: "10.9.0.2", Mask: "24"}},
		}})
	}},
	{"memory", func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		vm.PlugMemory(t, 256)
		agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{})
	}},
	{"CPU", func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		vm.PlugCPU(t)
		agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{NbCpus: 3, CpuOnly: true, Wait: true})
	}},
	{"ten disks at once", tenDisks},
}

// tenDisks has ten containers made at once, each of which waits for a disk of its own that
// is plugged meanwhile.
func tenDisks(t *testing.T, vm *lab.VM, agent *host.Agent) {
	const disks = 10
	type volume struct {
		word  string
		store *protocols.Storage
		req   *protocols.CreateContainerRequest
		disk  lab.Device
	}
	var volumes [disks]volume
	images := make([]string, disks)
	for i := range volumes {
		v := &volumes[i]
		v.word = fmt.Sprint("ten", i)
		images[i] = volumeImage(t, v.word)
	}
	first := disks / 2 // these are there before the request
	for i := range volumes {
		v := &volumes[i]
		if i < first {
			v.disk = vm.PlugDisk(t, images[i], lab.BehindBridge)
		} else {
			v.disk.PCIPath = vm.NextBehindBridge(i - first)
		}
		v.store = &protocols.Storage{Driver: "blk", Source: v.disk.PCIPath}
		v.req = volumeRequest(t, agent, v.word, v.store)
	}
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	created := make(chan error, disks)
	for i := range volumes {
		go func() {
			_, err := agent.Try(ctx, "CreateContainer", volumes[i].req)
			created <- err
		}()
	}
	for i := first; i < disks; i++ {
		want := volumes[i].disk.PCIPath
		volumes[i].disk = vm.PlugDisk(t, images[i], lab.BehindBridge)
		if got := volumes[i].disk.PCIPath; got != want {
			t.Fatalf("plugged at %s, the agent waits for %s", got, want)
		}
	}
	for range volumes {
		if err := <-created; err != nil {
			t.Fatal(err)
		}
	}
	for i := range volumes {
		v := &volumes[i]
		c := agent.Container(v.req.ContainerId)
		c.Start(t)
		checkVolume(t, agent, c, v.word, v.store)
		vm.Unplug(t, v.disk)
	}
}

// streams are sessions that write without a break, and the host's record of them.
type streams struct {
	mu   sync.Mutex
	last [streamCount]time.Time
	gap  time.Duration
	errs [streamCount]error
	done sync.WaitGroup
}

func startStreams(t *testing.T, agent *host.Agent, c *host.Container) *streams {
	t.Helper()
	s := &streams{}
	for i := range streamCount {
		id := fmt.Sprint("stream-", i)
		agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{
			ContainerId: c.ID, ExecId: id,
			Process: host.Process("sh", "-c", counter),
		})
		s.last[i] = time.Now()
		s.done.Add(1)
		go func() {
			defer s.done.Done()
			s.errs[i] = s.read(agent, c.ID, id, i)
		}()
	}
	return s
}

// read follows one stream to its end and looks that no line is missing.
func (s *streams) read(agent *host.Agent, container, id string, i int) error {
	var rest []byte
	next := 0
	for {
		resp, err := agent.Try(context.Background(), "ReadStdout", &protocols.ReadStreamRequest{ContainerId: container, ExecId: id, Len: 4096})
		if err != nil {
			return err
		}
		data := resp.(*protocols.ReadStreamResponse).Data
		if len(data) == 0 {
			if next == 0 || len(rest) > 0 {
				return fmt.Errorf("%d lines and %q were written", next, rest)
			}
			return nil
		}
		s.note(i)
		rest = append(rest, data...)
		for {
			line, more, whole := bytes.Cut(rest, []byte("\n"))
			if !whole {
				break
			}
			rest = more
			if string(line) != strconv.Itoa(next) {
				return fmt.Errorf("line %q, want %d", line, next)
			}
			next++
		}
	}
}

func (s *streams) note(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.gap = max(s.gap, now.Sub(s.last[i]))
	s.last[i] = now
}

// worst is the longest silence of any stream while do runs.
func (s *streams) worst(do func()) time.Duration {
	s.mu.Lock()
	s.gap = 0
	s.mu.Unlock()
	do()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, last := range s.last {
		s.gap = max(s.gap, time.Since(last))
	}
	return s.gap.Round(time.Millisecond)
}

// check waits for the streams to end and tells what was wrong.
func (s *streams) check(t *testing.T) {
	t.Helper()
	s.done.Wait()
	for i, err := range s.errs {
		if err != nil {
			t.Errorf("stream %d: %v", i, err)
		}
	}
}
