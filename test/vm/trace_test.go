// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"slices"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// forwarderPort is where Kata's trace forwarder listens on the host.
const forwarderPort = 10240

// TestTrace has the spans of a pod at the host when the machine has powered itself off, which with
// tracing on no host does for it. A hotplug reads as one tree.
func TestTrace(t *testing.T) {
	vm, agent := bootInit(t, lab.Options{
		CgroupV2: true, Modules: lab.FullModules(), HostPorts: []uint32{forwarderPort},
		KernelArgs: []string{"agent.trace", "agent.hotplug_timeout=15"},
	})
	f := harness.ForwarderAt(t, vm.HostPortPath(forwarderPort))
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
	disk := vm.PlugDisk(t, volumeImage(t, "traced"), lab.RootPort)
	useVolume(t, agent, "traced", &protocols.Storage{Driver: "blk", Source: disk.PCIPath})
	agent.DestroySandbox(t)
	if err := vm.WaitPowerOff(within(t)); err != nil {
		t.Fatal(err)
	}
	all := f.Spans()
	want := []string{
		"create_container", "create_container/libcontainer create", "create_container/queue", "create_container/storage",
		"create_container/storage/wait for device", "create_container/storage/wait for device/queue",
	}
	i := slices.IndexFunc(all, func(s harness.Span) bool { return s.Name == "create_container" })
	if i < 0 {
		t.Fatalf("no creation in %v", all)
	}
	if got := harness.Tree(all, all[i]); all[i].Status != "Unset" || !slices.Equal(got, want) {
		t.Errorf("%s: %q\nwant %q", all[i].Status, got, want)
	}
	wantContains(t, "console", vm.Console(), `"trace spans"`, `"lost":"0"`)
}
