// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

func TestRPC07CreateLeavesInitBlocked(t *testing.T) {
	a := harness.Start(t, harness.Options{})
	p := onAgent(t, a)
	p.Must(a.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{
		Hostname: "pod", SandboxId: "pod-id", Dns: []string{"nameserver 192.0.2.1", ""},
		Storages: []*protocols.Storage{{
			Driver: "ephemeral", Source: "shm", Fstype: "tmpfs", MountPoint: "/run/kata-containers/sandbox/shm",
			Options: []string{"noexec", "nosuid", "nodev", "mode=1777", "size=67108864"},
		}},
	}))
	for _, path := range []string{"/run/sandbox-ns/ipc", "/run/sandbox-ns/uts", "/run/kata-containers/sandbox/resolv.conf"} {
		if _, err := os.Stat(a.Path(path)); err != nil {
			t.Error(err)
		}
	}
	if b, err := os.ReadFile(a.Path("/etc/resolv.conf")); err != nil || strings.TrimSpace(string(b)) != "nameserver 192.0.2.1" {
		t.Errorf("resolv.conf of the guest: %q, %v", b, err)
	}
	if !slices.Contains(a.State().Mounts, "/run/kata-containers/sandbox/shm") {
		t.Error("the sandbox's shared memory is not mounted")
	}

	p.Make("c1", "sh", "-c", "echo started > /started; sleep 10000")
	if _, err := os.Stat(a.Path("/run/kata-containers/c1/rootfs/bin/busybox")); err != nil {
		t.Error(err)
	}
	var config struct {
		Process struct{ Args []string }
		Root    struct{ Path string }
	}
	b, err := os.ReadFile(a.Path("/run/kata-containers/c1/config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &config); err != nil {
		t.Fatal(err)
	}
	if config.Root.Path != "/run/kata-containers/c1/rootfs" || len(config.Process.Args) != 3 {
		t.Errorf("config.json: %+v", config)
	}
	p.Output("c1", "e", "true") // an exec before the start is allowed
	if _, err := os.Stat(p.Rootfs + "/started"); err == nil {
		t.Error("the program has run before the start")
	}
	p.Must(p.StartContainer(p.Ctx, "c1"))
	p.Until("the program runs", func() bool { _, err := os.Stat(p.Rootfs + "/started"); return err == nil })
	p.Delete("c1")
	for _, path := range []string{"/run/kata-containers/c1", "/run/kata-agent/containers/c1"} {
		if _, err := os.Stat(a.Path(path)); err == nil {
			t.Errorf("%s is left after the removal", path)
		}
	}
}

func TestRPC08RemoveAndDestroy(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	p.Launch("c1", "true")
	p.WantExit("c1", "", 0)
	p.Delete("c1")
	harness.Refused(t, p.Remove(p.Ctx, "c1"), codes.Internal, `invalid container id: "c1"`)
	p.NothingLeft(t, before)

	p.Idle("c2")
	p.Session("c2", "e", "cat")
	p.Make("c3", "true")
	type exit struct {
		code int32
		err  error
	}
	exits, reads := make(chan exit, 1), make(chan error, 1)
	go func() {
		code, err := p.Wait(p.Ctx, "c2", "")
		exits <- exit{code, err}
	}()
	go func() {
		out, err := p.ReadAll(p.Ctx, "c2", "e")
		if len(out) > 0 {
			t.Errorf("output %q", out)
		}
		reads <- err
	}()
	p.Until("both are waiting", func() bool { return len(p.Children()) == 3 })
	p.Must(p.DestroySandbox(p.Ctx))
	if e := <-exits; e.err != nil || e.code != 137 {
		t.Errorf("a wait across DestroySandbox: %d, %v", e.code, e.err)
	}
	if err := <-reads; err != nil {
		t.Errorf("a read across DestroySandbox: %v", err)
	}
	if code := p.WaitExit(); code != 0 {
		t.Errorf("the agent has ended with %d", code)
	}
	if !strings.HasSuffix(p.Log(), "kata-agent shutdown complete") {
		t.Errorf("the last line of the log is %q", p.Log()[max(0, len(p.Log())-100):])
	}
}

func TestRPC10GetOOMEventBlocks(t *testing.T) {
	p := newPod(t, harness.Options{})
	events := make(chan string, 10)
	go func() {
		for {
			var e protocols.OOMEvent
			if err := p.Call(p.Ctx, "GetOOMEvent", &protocols.GetOOMEventRequest{}, &e); err != nil {
				return // the agent ends
			}
			events <- e.ContainerId
		}
	}()
	hungry := func(cid string) {
		spec := p.Spec(cid, p.Rootfs, "sleep", "10000")
		spec.Linux.Resources.Memory = &protocols.LinuxMemory{Limit: 64 << 20, Swap: 64 << 20}
		p.Must(p.Create(p.Ctx, cid, spec))
		p.Must(p.StartContainer(p.Ctx, cid))
	}
	eat := func(cid, exec string) {
		p.Session(cid, exec, "sh", "-c", "x=0123456789abcdef; while :; do x=$x$x; done")
		p.WantExit(cid, exec, 137)
	}
	hungry("pod-id") // what happens in the sandbox's own container is no event
	hungry("c1")
	eat("pod-id", "e")
	for _, exec := range []string{"first", "second"} {
		eat("c1", exec)
		if cid := guard.Receive(t, "an event for the "+exec+" kill", events); cid != "c1" {
			t.Errorf("event of %q", cid)
		}
	}
	guard.Silent(t, "one more event", events)
}

func TestRPC12CheckAlwaysAnswers(t *testing.T) {
	a := harness.Start(t, harness.Options{})
	ctx := background(t)
	if err := a.Check(ctx); err != nil {
		t.Errorf("before CreateSandbox: %v", err)
	}
	var v protocols.VersionCheckResponse
	r := a.Raw(t)
	r.Request(harness.Call{Stream: 1, Service: "grpc.Health", Method: "Version", Request: &protocols.CheckRequest{}})
	if err := r.Answer().Decode(&v); err != nil || v.GrpcVersion != "0.0.1" || v.AgentVersion == "" {
		t.Errorf("version: %+v, %v", v, err)
	}
	p := onAgent(t, a)
	p.Idle("c1") // without a sandbox
	var busy [8]chan struct{}
	for i := range busy {
		busy[i] = make(chan struct{})
		go func() {
			defer close(busy[i])
			for n := range 20 {
				exec := string(rune('a'+i)) + string(rune('a'+n))
				if _, _, err := p.Run(ctx, "c1", exec, "true"); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range 50 {
		if err := a.Check(ctx); err != nil {
			t.Error(err)
		}
	}
	for _, done := range busy {
		<-done
	}
}
