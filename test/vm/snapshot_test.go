// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	hang "github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// uuids are random numbers of a guest's kernel.
func uuids(t *testing.T, vm *lab.VM) []string {
	t.Helper()
	return strings.Fields(vm.Shell(t, "for i in $(seq 100); do cat /proc/sys/kernel/random/uuid; done"))
}

// TestTemplate: two pods are cloned from a machine whose sandbox was made already. Each has its own name
// and random numbers, also where the machine has no generation that the kernel reseeds by.
func TestTemplate(t *testing.T) {
	for _, c := range []struct {
		name         string
		noGeneration bool
	}{{"generation", false}, {"no generation", true}} {
		t.Run(c.name, func(t *testing.T) {
			vm, agent := bootInit(t, lab.Options{CgroupV2: true, Snapshots: true, NoGeneration: c.noGeneration})
			agent.CreateSandbox(t, &protocols.CreateSandboxRequest{SandboxId: "template", Hostname: "template"})
			image := vm.Snapshot(t)
			var drawn []string
			for _, name := range []string{"first", "second"} {
				drawn = append(drawn, clonePod(t, image, name)...)
			}
			slices.Sort(drawn)
			if n := len(drawn) - len(slices.Compact(drawn)); n > 0 {
				t.Errorf("%d of %d random numbers are those of another clone, want none", n, len(drawn)/2)
			}
		})
	}
}

// clonePod makes a pod of a template and returns what its kernel draws.
func clonePod(t *testing.T, image *lab.Image, name string) []string {
	t.Helper()
	clone := image.Clone(t)
	agent := host.Connect(t, clone)
	t.Logf("%s: answered %v after resume, %d KiB written by the guest", name,
		time.Since(clone.Started()).Round(time.Millisecond), clone.Written(t)>>10)
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{SandboxId: name, Hostname: name})
	c := agent.RunSleeper(t, "c1")
	if got := c.Shell(t, "hostname"); got != name {
		t.Errorf("the host name in the pod is %q, want %q", got, name)
	}
	err := agent.Fails(t, "CreateSandbox", &protocols.CreateSandboxRequest{SandboxId: "another"})
	wantContains(t, "CreateSandbox with a container", err.Error(), "AlreadyExists", name)
	drawn := uuids(t, clone)
	agent.DestroySandbox(t)
	return drawn
}

// oldHost has calls under way that nobody will take the answers of.
type oldHost struct {
	ended []chan error
}

func (o *oldHost) call(t *testing.T, agent *host.Agent, method string, req protocols.Message) {
	ended := make(chan error, 1)
	o.ended = append(o.ended, ended)
	ctx := t.Context()
	go func() {
		_, err := agent.Try(ctx, method, req)
		ended <- err
	}()
}

// TestRestoredPod: a running pod goes on in a clone. The host before has reads, waits and a create
// under way, and no VMM says that it is gone. Each of its calls ends, and the new host gets what they
// would have taken: output, exit status, OOM kill, id.
func TestRestoredPod(t *testing.T) {
	vm, agent := bootPod(t, lab.Options{
		CgroupV2: true, Snapshots: true, Modules: lab.FullModules(), KernelArgs: []string{"agent.hotplug_timeout=600"},
	})
	c := agent.RunSleeper(t, "c1")
	process := host.Process("sh", "-c", "until [ -e /go ]; do usleep 20000; done; echo for the new host; exit 7")
	process.Capabilities, process.Rlimits = nil, nil
	agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: c.ID, ExecId: "e", Process: process})
	var old oldHost
	old.call(t, agent, "ReadStdout", &protocols.ReadStreamRequest{ContainerId: c.ID, ExecId: "e", Len: 100})
	old.call(t, agent, "ReadStderr", &protocols.ReadStreamRequest{ContainerId: c.ID, ExecId: "e", Len: 100})
	old.call(t, agent, "WaitProcess", &protocols.WaitProcessRequest{ContainerId: c.ID, ExecId: "e"})
	old.call(t, agent, "GetOOMEvent", &protocols.GetOOMEventRequest{})
	pending := volumeRequest(t, agent, "pending", &protocols.Storage{Driver: "blk", Source: vm.NextRootPort()})
	old.call(t, agent, "CreateContainer", pending)
	c.Exec(t, "sleep", "1.5") // all that is connected is older than what may be the new host's

	image := vm.Snapshot(t)
	for _, ended := range old.ended {
		if err := hang.Receive(t, "the end of the old host's calls", ended); err == nil {
			t.Fatal("a call of the old host was answered before the image was taken")
		}
	}
	for range 2 {
		restoredPod(t, image, c.ID, pending)
	}
}

func restoredPod(t *testing.T, image *lab.Image, cid string, pending *protocols.CreateContainerRequest) {
	t.Helper()
	clone := image.Clone(t)
	agent := host.Connect(t, clone)
	answered := time.Since(clone.Started())
	checked := clone.Written(t)
	c := agent.Container(cid)
	if out := c.Exec(t, "echo", "here"); out.Stdout != "here\n" {
		t.Errorf("a session in the clone: %+v, want its output", out)
	}
	t.Logf("answered %v after resume; written by the guest: %d KiB for a Check, %d KiB with the first session",
		answered.Round(time.Millisecond), checked>>10, clone.Written(t)>>10)
	hang.Until(t, "the agent's word that it was restored", func() bool {
		return strings.Contains(strings.Join(clone.AgentLog(), "\n"), "restored from an image")
	})

	oom := make(chan string, 1)
	go func() {
		resp, err := agent.Try(t.Context(), "GetOOMEvent", &protocols.GetOOMEventRequest{})
		if err != nil {
			oom <- err.Error()
			return
		}
		oom <- resp.(*protocols.OOMEvent).ContainerId
	}()
	c.Exec(t, "touch", "/go")
	out := ""
	for {
		ctx, cancel := context.WithTimeout(t.Context(), guard)
		resp, err := agent.Try(ctx, "ReadStdout", &protocols.ReadStreamRequest{ContainerId: cid, ExecId: "e", Len: 100})
		cancel()
		if err != nil {
			t.Fatalf("ReadStdout of a session of the old host: %v", err)
		}
		data := resp.(*protocols.ReadStreamResponse).Data
		if len(data) == 0 {
			break
		}
		out += string(data)
	}
	if out != "for the new host\n" {
		t.Errorf("output %q, want %q", out, "for the new host\n")
	}
	if status := c.Wait(t, "e"); status != 7 {
		t.Errorf("status %d, want 7", status)
	}
	c.Exec(t, "sh", "-c", "x=x; while :; do x=$x$x; done")
	if got := hang.Receive(t, "the OOM kill", oom); got != cid {
		t.Errorf("OOM event %q, want that of container %q", got, cid)
	}
	spec := host.Spec(pending.ContainerId, pending.OCI.Root.Path, "sleep", "1000000")
	again := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: pending.ContainerId, OCI: spec})
	again.Start(t)
	again.Remove(t)
	agent.DestroySandbox(t)
}
