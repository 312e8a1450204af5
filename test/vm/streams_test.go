// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
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
	// counter writes a number and the guest's time. It waits for its standard input, which
	// never says anything, not for a process.
	counter = "n=0; while :; do read t x </proc/uptime; echo $n $t; n=$((n+1)); read -t 0.2 x; done"
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
	quiet, own := s.worst(func() { time.Sleep(phase) })
	t.Logf("longest silence of a stream, nothing plugged: %v; of a writer by its own clock: %v", quiet, own)
	for _, plug := range hotplugs {
		start := time.Now()
		worst, own := s.worst(func() { plug.do(t, vm, agent) })
		t.Logf("longest silence of a stream, %s: %v; of a writer by its own clock: %v (took %v)",
			plug.name, worst, own, time.Since(start).Round(time.Millisecond))
		allowed := max(maxGap, quiet)
		if plug.stops {
			allowed = max(allowed, own+maxGap/2)
		}
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
	// stops says that the kernel itself has every processor stand still for a moment, which
	// is long under emulation: then a stream may be silent for as long as its writer was.
	stops bool
	do    func(*testing.T, *lab.VM, *host.Agent)
}{
	{"virtio-blk disk", false, func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		disk := vm.PlugDisk(t, volumeImage(t, "blk"), lab.RootPort)
		useVolume(t, agent, "blk", &protocols.Storage{Driver: "blk", Source: disk.PCIPath})
		vm.Unplug(t, disk)
	}},
	{"SCSI disk", false, func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		disk := vm.PlugSCSI(t, volumeImage(t, "scsi"))
		useVolume(t, agent, "scsi", &protocols.Storage{Driver: "scsi", Source: disk.SCSI})
		vm.Unplug(t, disk)
	}},
	{"nvdimm", false, func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		vm.PlugPMEM(t, lab.Ext4(t, 128, map[string]string{"word": "pmem"}))
		useVolume(t, agent, "pmem", &protocols.Storage{Driver: "nvdimm", Source: "/dev/pmem0"})
	}},
	{"network device", false, func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		nic := vm.PlugNIC(t, lab.RootPort)
		agent.Call(t, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: &protocols.Interface{
			Device: "pod0", Name: "pod0", HwAddr: nic.MAC, DevicePath: nic.PCIPath, Mtu: 1500,
			IPAddresses: []*protocols.IPAddress{{Address: "10.9.0.2", Mask: "24"}},
		}})
	}},
	{"memory", false, func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		vm.PlugMemory(t, 256)
		agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{})
	}},
	{"CPU", true, func(t *testing.T, vm *lab.VM, agent *host.Agent) {
		vm.PlugCPU(t)
		agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{NbCpus: 3, CpuOnly: true, Wait: true})
	}},
	{"ten disks at once", false, tenDisks},
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
	gap  time.Duration        // the longest that nothing came
	said [streamCount]float64 // the guest's uptime in the latest line, in seconds
	own  float64              // the longest between two lines, by that
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
			number, uptime, _ := strings.Cut(string(line), " ")
			seconds, err := strconv.ParseFloat(uptime, 64)
			if err != nil || number != strconv.Itoa(next) {
				return fmt.Errorf("line %q, want %d", line, next)
			}
			s.noteOwn(i, seconds)
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

func (s *streams) noteOwn(i int, seconds float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said[i] > 0 {
		s.own = max(s.own, seconds-s.said[i])
	}
	s.said[i] = seconds
}

// worst is the longest silence of any stream while do runs, and of any writer by the
// guest's clock.
func (s *streams) worst(do func()) (gap, own time.Duration) {
	s.mu.Lock()
	s.gap, s.own = 0, 0
	s.mu.Unlock()
	do()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, last := range s.last {
		s.gap = max(s.gap, time.Since(last))
	}
	return s.gap.Round(time.Millisecond), time.Duration(s.own * float64(time.Second)).Round(time.Millisecond)
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
