// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// otherEnv names a static binary of another agent.
const otherEnv = "KATA_TEST_OTHER_AGENT"

// TestOtherAgent measures ours and another agent in turn, each in a VM of its own that idles
// meanwhile. It tells and does not judge; without another agent there is nothing to tell.
// What it asks for are a container's life and streams only, which every agent has.
func TestOtherAgent(t *testing.T) {
	other := os.Getenv(otherEnv)
	if other == "" {
		t.Skip("no " + otherEnv)
	}
	opts := lab.Options{
		MemoryMiB: 768, CgroupV2: true, Modules: lab.FullModules(),
		KernelArgs: []string{"agent.hotplug_timeout=30", "agent.log=warn"},
	}
	rivals := []*rival{newRival(t, "ours", lab.Agent(t), opts), newRival(t, "other", other, opts)}
	for round := range runs {
		for _, r := range rivals {
			r.created = append(r.created, r.create(t, fmt.Sprint("plain", round)))
			r.plugged = append(r.plugged, r.plug(t, fmt.Sprint("plug", round)))
			r.rates = append(r.rates, r.flood(t, fmt.Sprint("flood", round)))
		}
	}
	for _, r := range rivals {
		slices.Sort(r.created)
		slices.Sort(r.plugged)
		slices.Sort(r.rates)
		t.Logf("%s: container created: median %v of %v; with a disk from its plugging on: %v of %v; standard output: %.0f MiB/s of %.0f",
			r.name, r.created[runs/2], r.created, r.plugged[runs/2], r.plugged, r.rates[runs/2], r.rates)
	}
}

// rival is one agent in its VM, and what was measured of it.
type rival struct {
	name             string
	vm               *lab.VM
	agent            *host.Agent
	created, plugged []time.Duration
	rates            []float64
}

// newRival boots a VM and makes two containers, for everything to be warm.
func newRival(t *testing.T, name, binary string, opts lab.Options) *rival {
	t.Helper()
	opts.Init = binary
	r := &rival{name: name, vm: lab.Boot(t, opts)}
	r.agent = host.Connect(t, r.vm)
	r.agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
	for i := range 2 {
		r.create(t, fmt.Sprint("warm", i))
	}
	return r
}

// create is the time it takes to create a container.
func (r *rival) create(t *testing.T, id string) time.Duration {
	t.Helper()
	req := &protocols.CreateContainerRequest{ContainerId: id, OCI: r.agent.Sleeper(t, id)}
	start := time.Now()
	c := r.agent.Create(t, req)
	took := time.Since(start).Round(time.Millisecond)
	c.Remove(t)
	return took
}

// plug is the time from the plugging of a disk until the container on it is created.
func (r *rival) plug(t *testing.T, word string) time.Duration {
	t.Helper()
	s := &protocols.Storage{Driver: "blk", Source: r.vm.NextRootPort()}
	req := volumeRequest(t, r.agent, word, s)
	image := volumeImage(t, word)
	start := time.Now()
	disk := r.vm.PlugDisk(t, image, lab.RootPort)
	c := r.agent.Create(t, req)
	took := time.Since(start).Round(time.Millisecond)
	c.Remove(t)
	r.vm.Unplug(t, disk)
	return took
}

// flood is how fast a container's output is read, in MiB/s.
func (r *rival) flood(t *testing.T, id string) float64 {
	t.Helper()
	const mebibytes = 64
	spec := host.Spec(id, r.agent.Busybox(t, id), "dd", "if=/dev/zero", "bs=1M", fmt.Sprint("count=", mebibytes))
	c := r.agent.Create(t, &protocols.CreateContainerRequest{ContainerId: id, OCI: spec})
	c.Start(t)
	rate := readRate(t, r.agent, id, id, mebibytes)
	c.Remove(t)
	return rate
}
