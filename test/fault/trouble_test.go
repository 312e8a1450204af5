// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// freeze freezes or thaws a container behind the agent's back, as a host-side tool might. What is in an
// execve(2) cannot be frozen at once: the program of a container that has just been started, for one.
func freeze(p *harness.Pod, cid, state string) {
	p.T.Helper()
	f := cgroup.Freezer{Dir: filepath.Join("/sys/fs/cgroup/freezer", p.Cgroup, cid)}
	if _, err := os.Stat(f.Dir); err != nil {
		p.T.Skip("needs the freezer of cgroup v1")
	}
	if state == "FROZEN" {
		p.Must(f.Freeze(p.Ctx))
		return
	}
	p.Must(f.Thaw())
}

// TestExecIntoAFrozenContainer hangs until the host gives up, and nobody else does. What
// was half started is gone afterwards.
func TestExecIntoAFrozenContainer(t *testing.T) {
	for name, seccomp := range map[string]bool{"by the helper": false, "by libcontainer": true} {
		t.Run(name, func(t *testing.T) {
			p := harness.NewPod(t, harness.Options{})
			before := p.Warm()
			spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
			if seccomp { // a profile is left to libcontainer
				spec.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
			}
			p.Must(p.Create(p.Ctx, "c1", spec))
			p.Must(p.StartContainer(p.Ctx, "c1"))
			p.Idle("c2")
			freeze(p, "c1", "FROZEN")
			r := p.Raw(t)
			const n = 5
			for i := range uint32(n) {
				// clock: none of them can end before its deadline
				r.Request(harness.Call{Stream: 2*i + 1, Method: "ExecProcess", Timeout: 300 * time.Millisecond, Request: &protocols.ExecProcessRequest{
					ContainerId: "c1", ExecId: fmt.Sprint("e", i), Process: harness.Process("true"),
				}})
			}
			for i := range 20 {
				p.Output("c2", fmt.Sprint("e", i), "true")
			}
			p.Must(p.Call(p.Ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "c1"}, &protocols.StatsContainerResponse{}))
			for range n {
				if a := r.Answer(); codes.Code(a.Code) != codes.DeadlineExceeded {
					t.Errorf("exec in a frozen container: %+v", a)
				}
			}
			freeze(p, "c1", "THAWED")
			p.Until("only the two containers are left", func() bool { return len(p.Children()) == 2 })
			p.Output("c1", "e0", "true")

			freeze(p, "c1", "FROZEN")
			r.Request(harness.Call{Stream: 1, Method: "ExecProcess", Request: &protocols.ExecProcessRequest{
				ContainerId: "c1", ExecId: "last", Process: harness.Process("true"),
			}})
			p.Output("c2", "e", "true")
			p.Delete("c1") // frees it
			if a := r.Answer(); a.Code == 0 {
				t.Error("an exec in a removed container has succeeded")
			}
			p.Delete("c2")
			r.Close()
			p.NothingLeft(t, before)
		})
	}
}

// TestForkBomb is killed to the last process.
func TestForkBomb(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	spec := p.Spec("c1", p.Rootfs, "sh", "-c", "f() { f & f; }; sleep 10000")
	spec.Linux.Resources.Pids = &protocols.LinuxPids{Limit: 300}
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	p.Session("c1", "bomb", "sh", "-c", "f() { f & f; }; f 2>/dev/null")
	p.Until("the bomb has gone off", func() bool {
		b, _ := os.ReadFile(filepath.Join("/sys/fs/cgroup/pids", p.Cgroup, "c1/pids.current"))
		return len(strings.TrimSpace(string(b))) >= 3
	})
	p.Must(p.Signal(p.Ctx, "c1", "", 9))
	p.WantExit("c1", "", 137)
	p.Delete("c1")
	p.NothingLeft(t, before)
}

// TestSharedPIDNamespace has the processes of one container outlive its init, as their
// pid namespace is another container's.
func TestSharedPIDNamespace(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	shared := func(cid string, args ...string) error {
		return p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
			ContainerId: cid, OCI: p.Spec(cid, p.Rootfs, args...), SandboxPidns: true,
		})
	}
	p.Must(shared("pause", "sleep", "10000"))
	p.Must(p.StartContainer(p.Ctx, "pause"))
	p.Must(shared("app", "sh", "-c", "sleep 10000 & sleep 10000 & exit 3"))
	if out := p.Output("pause", "e", "sh", "-c", "echo $$"); out == "1\n" {
		t.Error("a session is process 1")
	}
	p.Must(p.StartContainer(p.Ctx, "app"))
	p.WantExit("app", "", 3)
	if out := p.Output("pause", "ps", "ps"); !strings.Contains(out, "sleep 10000") {
		t.Errorf("processes of the pod: %s", out)
	}
	p.Delete("app")
	p.Until("the descendants are gone", func() bool { return strings.Count(p.Output("pause", "ps", "ps"), "sleep 10000") == 1 })

	p.Must(shared("app2", "sleep", "10000"))
	p.Must(p.StartContainer(p.Ctx, "app2"))
	p.Delete("pause")
	p.WantExit("app2", "", 137) // the namespace has ended
	harness.Refused(t, shared("app3", "true"), codes.Internal, "Sandbox does not have sandbox_pidns", `"app3"`)
	p.Delete("app2")
	p.Must(shared("app4", "true")) // a pod that is empty begins anew
	p.Delete("app4")
	p.NothingLeft(t, before)
}

// TestHelperDies: the next session has a new one.
func TestHelperDies(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	p.Idle("c1")
	p.Output("c1", "e", "true")
	for range 3 {
		p.KillHelper()
		p.Output("c1", "e", "true")
	}
	p.Delete("c1")
}

// TestTermination is by SIGTERM only; a console's signals end nothing.
func TestTermination(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	p.Idle("c1")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE} {
		p.Must(syscall.Kill(p.Pid, sig))
		p.Output("c1", "e", "true")
	}
	p.Delete("c1")
	p.Must(syscall.Kill(p.Pid, syscall.SIGTERM))
	if code := p.WaitExit(); code != 0 {
		t.Errorf("the agent has ended with %d", code)
	}
}

// absentDisk is a create of c2 that mounts a file system and then waits for a disk that is not there.
func absentDisk(p *harness.Pod) *protocols.CreateContainerRequest {
	p.Must(os.MkdirAll(p.Path("/run/kata-containers/sandbox"), 0o755))
	return &protocols.CreateContainerRequest{
		ContainerId: "c2", OCI: p.Spec("c2", p.Rootfs, "true"),
		Storages: []*protocols.Storage{
			{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: "/run/kata-containers/sandbox/first"},
			{Driver: "blk", Source: "1f/1e", Fstype: "ext4", MountPoint: "/run/kata-containers/sandbox/disk"},
		},
	}
}

// TestWaitForADeviceHoldsUpNobody runs sessions while a create waits, for longer than the test would.
func TestWaitForADeviceHoldsUpNobody(t *testing.T) {
	p := harness.NewPod(t, harness.Options{Cmdline: "agent.hotplug_timeout=10000\n"})
	create := absentDisk(p)
	before := p.Warm()
	p.Idle("c1")
	r := p.Raw(t)
	r.Request(harness.Call{Stream: 1, Method: "CreateContainer", Request: create})
	p.Until("the create waits for the disk", func() bool {
		return slices.Contains(p.State().Mounts, "/run/kata-containers/sandbox/first")
	})
	for i := range 50 {
		p.Output("c1", fmt.Sprint("e", i), "true")
	}
	_ = r.Close()
	p.Delete("c1")
	p.NothingLeft(t, before)
}

// TestDeviceThatNeverComes fails the create when the time for hotplug is over.
func TestDeviceThatNeverComes(t *testing.T) {
	p := harness.NewPod(t, harness.Options{Cmdline: "agent.hotplug_timeout=2\n"})
	create := absentDisk(p)
	before := p.Warm()
	r := p.Raw(t)
	start := time.Now()
	r.Request(harness.Call{Stream: 1, Method: "CreateContainer", Request: create})
	a := r.Answer()
	if codes.Code(a.Code) != codes.Internal || !strings.Contains(a.Text, "Timeout after 2s waiting") || !strings.Contains(a.Text, "sandbox/disk") {
		t.Errorf("%+v", a)
	}
	if d := time.Since(start); d < 2*time.Second { // clock: a slow machine takes longer only
		t.Errorf("given up after %s", d)
	}
	// clock: the disk's time is longer by far, and nothing else can end it
	r.Request(harness.Call{Stream: 1, Method: "CreateContainer", Request: create, Timeout: 20 * time.Millisecond})
	if a := r.Answer(); codes.Code(a.Code) != codes.DeadlineExceeded {
		t.Errorf("%+v", a)
	}
	r.Close()
	p.NothingLeft(t, before)
}

// TestClientsComeAndGo with calls of all kinds under way.
func TestClientsComeAndGo(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	p.Warm()
	p.Launch("c1", "sh", "-c", "cat > /dev/null; sleep 10000")
	p.Until("init runs its program", func() bool { return strings.Contains(p.Output("c1", "ps", "ps"), "cat") })
	before := p.State()
	for range 50 {
		r := p.Raw(t)
		for i, c := range []harness.Call{
			{Method: "WaitProcess", Request: &protocols.WaitProcessRequest{ContainerId: "c1"}},
			{Method: "ReadStdout", Request: &protocols.ReadStreamRequest{ContainerId: "c1", Len: 1000}},
			{Method: "ReadStderr", Request: &protocols.ReadStreamRequest{ContainerId: "c1", Len: 1000}},
			{Method: "GetOOMEvent", Request: &protocols.GetOOMEventRequest{}},
			{Method: "ExecProcess", Request: &protocols.ExecProcessRequest{ContainerId: "c1", ExecId: "gone", Process: harness.Process("sleep", "10003")}},
			{Method: "StatsContainer", Request: &protocols.StatsContainerRequest{ContainerId: "c1"}},
		} {
			c.Stream = uint32(2*i + 1)
			r.Request(c)
		}
		r.Close()
		// A session whose start nobody waits for any more is not kept; one that stood
		// already when the client left is.
		p.Until("the session is gone", func() bool {
			if err := p.Signal(p.Ctx, "c1", "gone", 9); err == nil {
				_, _ = p.Wait(p.Ctx, "c1", "gone")
			}
			return len(p.Children()) == 1
		})
	}
	p.Must(p.Check(p.Ctx))
	p.NothingLeft(t, before)
	p.Delete("c1")
}
