// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestResize adds CPUs, memory, swap and a network device to a running pod.
func TestResize(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		vm, agent := bootPod(t, lab.Options{CgroupV2: v2, Modules: lab.FullModules()})
		c := agent.RunSleeper(t, "c1")
		t.Run("cpu", func(t *testing.T) {
			vm.PlugCPU(t)
			agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{NbCpus: 3, CpuOnly: true, Wait: true})
			if got := vm.Shell(t, "cat /sys/devices/system/cpu/online"); got != "0-2" {
				t.Errorf("CPUs online: %s", got)
			}
			if got := c.Shell(t, "grep Cpus_allowed_list /proc/self/status | cut -f2"); got != "0-2" {
				t.Errorf("the container may use CPUs %s", got)
			}
		})
		t.Run("cpu without waiting", func(t *testing.T) {
			vm.PlugCPU(t)
			agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{NbCpus: 4, CpuOnly: true})
			vm.WaitUntil(t, "grep -q 0-3 /sys/devices/system/cpu/online")
			if got := c.Shell(t, "until grep -q 0-3 /proc/self/status; do usleep 50000; done; grep Cpus_allowed_list /proc/self/status | cut -f2"); got != "0-3" {
				t.Errorf("the container may use CPUs %s", got)
			}
		})
		t.Run("memory", func(t *testing.T) {
			const offline = "grep -l offline /sys/devices/system/memory/memory*/state"
			before := vm.Shell(t, "awk '/MemTotal/ {print $2}' /proc/meminfo")
			vm.PlugMemory(t, 256)
			agent.Call(t, "OnlineCPUMem", &protocols.OnlineCPUMemRequest{})
			vm.WaitUntil(t, "! "+offline+" 2>/dev/null")
			vm.WaitUntil(t, "test $(awk '/MemTotal/ {print $2}' /proc/meminfo) -ge $(("+before+" + 262144))")
		})
		t.Run("memory without a call", func(t *testing.T) {
			before := vm.Shell(t, "awk '/MemTotal/ {print $2}' /proc/meminfo")
			vm.PlugMemory(t, 128)
			vm.WaitUntil(t, "test $(awk '/MemTotal/ {print $2}' /proc/meminfo) -ge $(("+before+" + 131072))")
		})
		t.Run("swap", func(t *testing.T) {
			vm.PlugDisk(t, lab.Swap(t, 32), lab.RootPort)
			agent.Call(t, "AddSwap", &protocols.AddSwapRequest{PCIPath: []uint32{8, 0}})
			if got := vm.Shell(t, "tail -n +2 /proc/swaps | wc -l"); got != "1" {
				t.Errorf("%s swap devices", got)
			}
		})
		t.Run("network device", func(t *testing.T) {
			nic := vm.PlugNIC(t, lab.RootPort)
			agent.Call(t, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: &protocols.Interface{
				Device: "pod0", Name: "pod0", HwAddr: nic.MAC, DevicePath: nic.PCIPath, Mtu: 1400,
				IPAddresses: []*protocols.IPAddress{{Address: "10.9.0.2", Mask: "24"}, {Family: protocols.IPFamily_v6, Address: "fd09::2", Mask: "64"}},
			}})
			agent.Call(t, "UpdateRoutes", &protocols.UpdateRoutesRequest{Routes: &protocols.Routes{Routes: []*protocols.Route{
				{Dest: "10.9.0.0/24", Device: "pod0", Scope: 253}, {Gateway: "10.9.0.1", Device: "pod0"},
			}}})
			wantContains(t, "addresses in the container", c.Shell(t, "ip addr show pod0; ip route"),
				"10.9.0.2/24", "fd09::2/64", "mtu 1400", "default via 10.9.0.1 dev pod0")
		})
		agent.DestroySandbox(t)
	})
}
