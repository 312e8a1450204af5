// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"io"
	"net"
	"net/http"
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
		"create_container", "create_container/bundle", "create_container/devices", "create_container/libcontainer create",
		"create_container/mount", "create_container/mount/device wait", "create_container/mount/device wait/queue",
		"create_container/queue", "create_container/unseal",
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

// TestTraceOTLP has a collector at the host take them by OTLP over vsock.
func TestTraceOTLP(t *testing.T) {
	const port = 4318
	vm, agent := bootInit(t, lab.Options{
		CgroupV2: true, HostPorts: []uint32{port}, KernelArgs: []string{"agent.trace", "agent.trace_endpoint=vsock://2:4318/v1/traces"},
	})
	l, err := net.Listen("unix", vm.HostPortPath(port))
	if err != nil {
		t.Fatal(err)
	}
	bodies := make(chan []byte, 100)
	collector := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method+" "+r.URL.Path != "POST /v1/traces" {
			t.Errorf("%s %s, %v", r.Method, r.URL.Path, err)
		}
		bodies <- body
	})}
	go collector.Serve(l)
	defer collector.Close()
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
	agent.DestroySandbox(t)
	if err := vm.WaitPowerOff(within(t)); err != nil {
		t.Fatal(err)
	}
	wantContains(t, "console", vm.Console(), `"trace spans"`, `"lost":"0"`)
	var all []byte
	for len(bodies) > 0 {
		all = append(all, <-bodies...)
	}
	for _, name := range []string{"root-span", "create_sandbox", "destroy_sandbox"} {
		if !bytes.Contains(all, []byte(name)) {
			t.Errorf("no span %s has come", name)
		}
	}
}
