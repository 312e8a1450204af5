// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
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
	// streamLife bounds a stream.
	streamLife = 15 * time.Minute
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

	quiet := s.worst(func() { time.Sleep(12 * time.Second) }) // clock: what is measured, as long as a plug takes
	t.Logf("longest silence of a stream, nothing plugged: %v", quiet)
	for _, plug := range hotplugs {
		judge(t, vm, agent, s, plug)
	}
	c.Kill(t, syscall.SIGKILL)
	s.check(t)
	c.Remove(t)
	agent.DestroySandbox(t)
}

// judge plugs a device and compares the silence of the streams with that of the same VM
// without. What else the machine does can make one comparison fail, which is then made
// anew; a coupling in the agent shows each time.
func judge(t *testing.T, vm *lab.VM, agent *host.Agent, s *streams, plug hotplug) {
	t.Helper()
	for try := range plug.tries {
		start := time.Now()
		worst := s.worst(func() { plug.do(t, vm, agent, try) })
		t.Logf("longest silence of a stream, %s: %v (took %v)", plug.name, worst, time.Since(start).Round(time.Millisecond))
		if worst.stream <= maxGap {
			return
		}
		without := s.worst(func() { plug.without(t, agent, try) })
		t.Logf("longest silence of a stream, %s, the same without: %v", plug.name, without)
		allowed := without.stream
		if plug.stops {
			allowed = max(allowed, worst.writer+maxGap/2)
		}
		if worst.stream <= allowed {
			return
		}
	}
	t.Errorf("%s: a stream was silent for longer than %v, and longer than without, %d times", plug.name, maxGap, plug.tries)
}

// hotplug is something that a host plugs into a running pod.
type hotplug struct {
	name string
	// stops says that the kernel itself has every processor stand still for a moment, which
	// is long under emulation: then a stream may be silent for as long as its writer was.
	stops bool
	// tries is how often the VM has room for it.
	tries   int
	do      func(t *testing.T, vm *lab.VM, agent *host.Agent, try int)
	without func(t *testing.T, agent *host.Agent, try int)
}

var hotplugs = []hotplug{
	{"virtio-blk disk", false, tries, func(t *testing.T, vm *lab.VM, agent *host.Agent, try int) {
		word := fmt.Sprint("blk", try)
		disk := vm.PlugDisk(t, volumeImage(t, word), lab.RootPort)
		useVolume(t, agent, word, &protocols.Storage{Driver: "blk", Source: disk.PCIPath})
		vm.Unplug(t, disk)
	}, oneContainer},
	{"SCSI disk", false, tries, func(t *testing.T, vm *lab.VM, agent *host.Agent, try int) {
		word := fmt.Sprint("scsi", try)
		disk := vm.PlugSCSI(t, volumeImage(t, word))
		useVolume(t, agent, word, &protocols.Storage{Driver: "scsi", Source: disk.SCSI})
		vm.Unplug(t, disk)
	}, oneContainer},
	{"nvdimm", false, 2, func(t *testing.T, vm *lab.VM, agent *host.Agent, try int) {
		word := fmt.Sprint("pmem", try)
		vm.PlugPMEM(t, lab.Ext4(t, 128, map[string]string{"word": word}))
		useVolume(t, agent, word, &protocols.Storage{Driver: "nvdimm", Source: "/dev/" + word})
	}, oneContainer},
	{"network device", false, tries, func(t *testing.T, vm *lab.VM, agent *host.Agent, try int) {
		nic, name := vm.PlugNIC(t, lab.RootPort), fmt.Sprint("pod", try)
		agent.Call(t, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: &protocols.Interface{
			Device: name, Name: name, HwAddr: nic.MAC, DevicePath: nic.PCIPath, Mtu: 1500,
			IPAddresses: []*protocols.IPAddress{{Address: fmt.Sprintf("10.9.%d.2", try), Mask: "24"}},
		}})
	}, oneContainer},
	{"memory", false, 2, func(t *testing.T, vm *lab.VM, agent *host.Agent, _ int) {
		vm.PlugMemory(t, 256)
		agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{})
	}, oneContainer},
	{"CPU", true, 2, func(t *testing.T, vm *lab.VM, agent *host.Agent, try int) {
		vm.PlugCPU(t)
		agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{NbCpus: uint32(3 + try), CpuOnly: true, Wait: true})
	}, oneContainer},
	{"ten disks at once", false, tries, tenDisks, tenContainers},
}

// oneContainer is what a container costs that uses nothing that is plugged.
func oneContainer(t *testing.T, agent *host.Agent, try int) {
	c := agent.RunSleeper(t, fmt.Sprint("without", try))
	c.Shell(t, "true")
	c.Remove(t)
}

// atOnce is how many containers are made at once.
const atOnce = 10

// tenDisks has ten containers made at once, each of which waits for a disk of its own that
// is plugged meanwhile.
func tenDisks(t *testing.T, vm *lab.VM, agent *host.Agent, try int) {
	var volumes [atOnce]struct {
		word  string
		store *protocols.Storage
		disk  lab.Device
	}
	var reqs [atOnce]*protocols.CreateContainerRequest
	var images [atOnce]string
	for i := range volumes {
		volumes[i].word = fmt.Sprintf("ten%d-%d", try, i)
		images[i] = volumeImage(t, volumes[i].word)
	}
	const first = atOnce / 2 // these are there before the request
	for i := range volumes {
		v := &volumes[i]
		if i < first {
			v.disk = vm.PlugDisk(t, images[i], lab.BehindBridge)
		} else {
			v.disk.PCIPath = vm.NextBehindBridge(i - first)
		}
		v.store = &protocols.Storage{Driver: "blk", Source: v.disk.PCIPath}
		reqs[i] = volumeRequest(t, agent, v.word, v.store)
	}
	created := createAtOnce(t, agent, reqs[:])
	for i := first; i < atOnce; i++ {
		want := volumes[i].disk.PCIPath
		volumes[i].disk = vm.PlugDisk(t, images[i], lab.BehindBridge)
		if got := volumes[i].disk.PCIPath; got != want {
			t.Fatalf("plugged at %s, the agent waits for %s", got, want)
		}
	}
	for i, c := range created() {
		v := &volumes[i]
		c.Start(t)
		checkVolume(t, agent, c, v.word, v.store)
		vm.Unplug(t, v.disk)
	}
}

// tenContainers is tenDisks without the disks.
func tenContainers(t *testing.T, agent *host.Agent, try int) {
	var reqs [atOnce]*protocols.CreateContainerRequest
	for i := range reqs {
		id := fmt.Sprintf("without%d-%d", try, i)
		reqs[i] = &protocols.CreateContainerRequest{ContainerId: id, OCI: agent.Sleeper(t, id)}
	}
	for _, c := range createAtOnce(t, agent, reqs[:])() {
		c.Start(t)
		c.Shell(t, "true")
		c.Remove(t)
	}
}

// createAtOnce asks for containers; what it returns waits for them.
func createAtOnce(t *testing.T, agent *host.Agent, reqs []*protocols.CreateContainerRequest) func() []*host.Container {
	t.Helper()
	var created []<-chan error
	for _, req := range reqs {
		created = append(created, createBeside(t, agent, req))
	}
	return func() (all []*host.Container) {
		t.Helper()
		for i, req := range reqs {
			if err := <-created[i]; err != nil {
				t.Fatal(err)
			}
			all = append(all, agent.Container(req.ContainerId))
		}
		return all
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
	ctx, cancel := context.WithTimeout(context.Background(), streamLife)
	defer cancel()
	var rest []byte
	next := 0
	for {
		resp, err := agent.Try(ctx, "ReadStdout", &protocols.ReadStreamRequest{ContainerId: container, ExecId: id, Len: 4096})
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

// silence is the longest that nothing was heard of a stream, and that a writer itself said
// nothing by the guest's clock.
type silence struct{ stream, writer time.Duration }

func (s silence) String() string { return fmt.Sprintf("%v, its writer's own %v", s.stream, s.writer) }

// worst is the longest silence while do runs. One that lasts longer than do counts whole.
func (s *streams) worst(do func()) silence {
	s.mu.Lock()
	s.gap, s.own = 0, 0
	s.mu.Unlock()
	do()
	end := time.Now()
	for !s.heardSince(end) && time.Since(end) < guard { // clock: silence is what is measured
		time.Sleep(10 * time.Millisecond) // clock: how often it looks
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, last := range s.last {
		s.gap = max(s.gap, time.Since(last))
	}
	return silence{s.gap.Round(time.Millisecond), time.Duration(s.own * float64(time.Second)).Round(time.Millisecond)}
}

// heardSince tells whether every stream has said something after a moment.
func (s *streams) heardSince(moment time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, last := range s.last {
		if !last.After(moment) {
			return false
		}
	}
	return true
}

// check waits for the streams to end, whose sessions were killed, and tells what was wrong.
func (s *streams) check(t *testing.T) {
	t.Helper()
	s.done.Wait()
	for i, err := range s.errs {
		if err != nil {
			t.Errorf("stream %d: %v", i, err)
		}
	}
}
