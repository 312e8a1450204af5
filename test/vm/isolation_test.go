// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestIsolation is what cgroups do for a container, on both layouts: device
// rules, the memory limit and its event, limits that the guest has not, the freezer.
func TestIsolation(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		vm, agent := bootPod(t, lab.Options{CgroupV2: v2, Disks: []string{volumeImage(t, "secret")}})
		t.Run("devices", func(t *testing.T) { checkDevices(t, vm, agent) })
		t.Run("out of memory", func(t *testing.T) { checkOOM(t, agent) })
		t.Run("limits", func(t *testing.T) { checkLimits(t, vm, agent, v2) })
		t.Run("freezer", func(t *testing.T) { checkFreezer(t, agent) })
		agent.DestroySandbox(t)
	})
}

// checkDevices makes nodes in a container, which mknod allows, and opens them,
// which the cgroup must not allow for a disk of the guest. They are in /dev:
// the root lies below /run, whose nodev would refuse them all.
func checkDevices(t *testing.T, vm *lab.VM, agent *host.Agent) {
	numbers := vm.Shell(t, "tr : ' ' < /sys/block/vda/dev")
	c := agent.RunSleeper(t, "devices")
	out := c.Exec(t, "sh", "-c", "mknod /dev/disk b "+numbers+" && dd if=/dev/disk bs=512 count=1 of=/dev/null")
	if out.Status == 0 || !strings.Contains(out.Stderr, "not permitted") {
		t.Errorf("reading the guest's disk: %+v", out)
	}
	c.Shell(t, "mknod /dev/null2 c 1 3 && dd if=/dev/null2 2>/dev/null")
	c.Remove(t)
}

// checkLimits makes a container with limits that no guest has, among others, and lifts the one of
// memory though there is one of swap.
func checkLimits(t *testing.T, vm *lab.VM, agent *host.Agent, v2 bool) {
	spec := agent.Sleeper(t, "limited")
	spec.Linux.Resources = &protocols.LinuxResources{
		Memory:         &protocols.LinuxMemory{Limit: 64 << 20, Swap: 128 << 20, Swappiness: 10},
		HugepageLimits: []*protocols.LinuxHugepageLimit{{Pagesize: "1GB"}, {Pagesize: "2MB"}, {Pagesize: "512GB", Limit: 1}},
		BlockIO:        &protocols.LinuxBlockIO{LeafWeight: 500},
		Network:        &protocols.LinuxNetwork{ClassID: 1},
		CPU:            &protocols.LinuxCPU{RealtimeRuntime: 1000},
	}
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: "limited", OCI: spec})
	c.Start(t)
	dir := "/sys/fs/cgroup/memory" + spec.Linux.CgroupsPath
	files, swap, none := []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}, "134217728", "9223372036854771712"
	if v2 {
		dir, files, swap, none = "/sys/fs/cgroup"+spec.Linux.CgroupsPath, []string{"memory.max", "memory.swap.max"}, "67108864", "max"
	}
	read := "cd " + dir + " && cat " + strings.Join(files, " ")
	if got, want := vm.Shell(t, read), "67108864\n"+swap; got != want {
		t.Errorf("limits of memory and swap are %q, want %q", got, want)
	}
	agent.Call(t, "UpdateContainer", &protocols.UpdateContainerRequest{
		ContainerId: "limited", Resources: &protocols.LinuxResources{Memory: &protocols.LinuxMemory{Limit: -1}},
	})
	if got, want := vm.Shell(t, read), none+"\n"+none; got != want {
		t.Errorf("lifted limits of memory and swap are %q, want %q", got, want)
	}
	c.Remove(t)
}

// checkOOM lets the kernel kill in a container; the event names it.
func checkOOM(t *testing.T, agent *host.Agent) {
	event := make(chan string, 1)
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	go func() {
		resp, err := agent.Try(ctx, "GetOOMEvent", &protocols.GetOOMEventRequest{})
		if err != nil {
			event <- err.Error()
			return
		}
		event <- resp.(*protocols.OOMEvent).ContainerId
	}()
	spec := agent.Sleeper(t, "greedy")
	spec.Linux.Resources.Memory.Limit = 32 << 20
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: "greedy", OCI: spec})
	c.Start(t)
	// A file in memory: tail keeps what it may have to print.
	if out := c.Exec(t, "sh", "-c", "tail /dev/zero"); out.Status != 137 {
		t.Errorf("the greedy process: %+v", out)
	}
	if got := <-event; got != "greedy" {
		t.Errorf("event for %q", got)
	}
	c.Remove(t)
}

// checkFreezer pauses a container: its processes stand still, the agent does
// not, and it can be killed as it is.
func checkFreezer(t *testing.T, agent *host.Agent) {
	c := agent.RunSleeper(t, "frozen")
	pause := &protocols.PauseContainerRequest{ContainerId: c.ID}
	agent.Call(t, "PauseContainer", pause)
	other := agent.RunSleeper(t, "other")
	if got := other.Shell(t, "echo alive"); got != "alive" {
		t.Errorf("another container while one is frozen: %q", got)
	}
	other.Remove(t)
	agent.Call(t, "ResumeContainer", &protocols.ResumeContainerRequest{ContainerId: c.ID})
	if got := c.Shell(t, "echo thawed"); got != "thawed" {
		t.Errorf("exec after the thaw: %q", got)
	}
	agent.Call(t, "PauseContainer", pause)
	c.Remove(t)
}
