// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// live is what a host reads of the view of the agent; see docs/protocol.md.
type live struct {
	Version int
	Steps   []struct {
		Step, Kind, Object, Container, Exec, Actor, Method, Connection string
		Seconds                                                        float64
	}
	Containers []struct {
		ID, State, Doing string
		Pid              int
		Sessions         []struct {
			Exec, State string
			Pid         int
			Stdout      uint64 `json:"stdout_bytes"`
			Stdin       uint64 `json:"stdin_bytes"`
		}
	}
	Calls []struct {
		Method string
		Calls  int
		Oldest float64 `json:"oldest_seconds"`
	}
}

// look asks the agent what it does.
func look(p *harness.Pod) (l live) {
	p.T.Helper()
	var got protocols.GetDiagnosticDataResponse
	err := p.Call(p.Ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: "live"}, &got)
	if err == nil {
		err = json.Unmarshal([]byte(got.Data), &l)
	}
	p.Must(err)
	return l
}

// hanging are the ways in which an operation hangs that operators meet, each with the step that the
// agent is to name.
var hanging = map[string]struct {
	container, step, method string
	hang                    func(p *harness.Pod, stuck string)
}{
	"a hook that sleeps": {"c1", "createRuntime hook ", "CreateContainer", func(p *harness.Pod, _ string) {
		spec := p.Spec("c1", p.Rootfs, "true")
		spec.Hooks = hooks("createRuntime", script(p.T.(*testing.T), "sleeper", "exec sleep 10006"))
		go func() { _ = p.Create(p.Ctx, "c1", spec) }()
	}},
	"a hook in the container's child": {"c1", "libcontainer create with createContainer hook /", "CreateContainer", func(p *harness.Pod, _ string) {
		spec := p.Spec("c1", p.Rootfs, "true")
		spec.Hooks = hooks("createContainer", script(p.T.(*testing.T), "sleeper", "exec sleep 10008"))
		p.T.Cleanup(func() { _ = p.Remove(p.Ctx, "c1") })
		go func() { _ = p.Create(p.Ctx, "c1", spec) }()
	}},
	"a device that never comes": {"c1", "device wait block device at PCI path 1e.0/1f.0", "CreateContainer", func(p *harness.Pod, _ string) {
		create(p, &protocols.Storage{Driver: "blk", Source: "1e/1f", MountPoint: "/run/kata-containers/none", Fstype: "ext4"})
	}},
	"a mount that is stuck": {"c1", "mount /run/kata-containers/stuck", "CreateContainer", func(p *harness.Pod, stuck string) {
		create(p, &protocols.Storage{Driver: "bind", Source: stuck + "/x", MountPoint: "/run/kata-containers/stuck", Fstype: "bind", Options: []string{"bind"}})
	}},
	"an exec behind a pause": {"c1", "queued behind pause", "ExecProcess", func(p *harness.Pod, _ string) {
		p.Idle("c1")
		freeze(p, "c1", "FROZEN") // the session that starts stands still, and the pause waits for it
		p.T.Cleanup(func() { freeze(p, "c1", "THAWED") })
		go func() { _ = p.Exec(p.Ctx, "c1", "e1", harness.Process("true")) }()
		p.Until("the session starts", func() bool { return under(look(p), "spawn e1") })
		go func() { _ = p.Pause("c1") }()
		p.Until("the pause waits", func() bool { return under(look(p), "queued behind spawn") })
		go func() { _ = p.Exec(p.Ctx, "c1", "e2", harness.Process("true")) }()
	}},
}

// create makes a container with a storage, for whose end nobody waits.
func create(p *harness.Pod, s *protocols.Storage) {
	request := &protocols.CreateContainerRequest{ContainerId: "c1", OCI: p.Spec("c1", p.Rootfs, "true"), Storages: []*protocols.Storage{s}}
	go func() { _ = p.Do(p.Ctx, "CreateContainer", request) }()
}

func under(l live, step string) bool {
	for _, s := range l.Steps {
		if strings.HasPrefix(s.Step, step) {
			return true
		}
	}
	return false
}

// TestHangingOperationIsSeen: the live view, the dump at SIGUSR1 and the log say which container hangs, in
// which step and for how long.
func TestHangingOperationIsSeen(t *testing.T) {
	for name, h := range hanging {
		t.Run(name, func(t *testing.T) {
			stuck, release := harness.StuckFS(t)
			p := harness.NewPod(t, harness.Options{Cmdline: "agent.step_warning=1s agent.step_warning_again=2s agent.hotplug_timeout=1h"})
			t.Cleanup(release)
			h.hang(p, stuck)
			p.Until("the view shows "+h.step, func() bool {
				for _, s := range look(p).Steps {
					if strings.HasPrefix(s.Step, h.step) && s.Container == h.container && s.Method == h.method && s.Seconds >= 1 && s.Connection != "" {
						return true
					}
				}
				return false
			})
			l := look(p)
			for _, c := range l.Containers {
				if c.ID == h.container && c.Doing == "" {
					t.Errorf("container %+v, want what it is doing", c)
				}
			}
			if !pending(l, h.method) {
				t.Errorf("calls %+v, want one of %s", l.Calls, h.method)
			}
			p.Must(syscall.Kill(p.Pid, syscall.SIGUSR1))
			p.Until("the dump shows it before the stacks", func() bool {
				text, _, stacks := strings.Cut(p.Log(), "goroutine ")
				return stacks && strings.Contains(text, h.step) && strings.Contains(text, "SECONDS")
			})
			p.Until("the log warns of it, and again", func() bool {
				warnings := 0
				for line := range strings.Lines(p.Log()) {
					if strings.Contains(line, `"level":"WARN"`) && strings.Contains(line, "container "+h.container) && strings.Contains(line, h.step) {
						warnings++
					}
				}
				return warnings == 2
			})
		})
	}
}

func pending(l live, method string) bool {
	for _, c := range l.Calls {
		if c.Method == method && c.Calls > 0 && c.Oldest > 0 {
			return true
		}
	}
	return false
}

// TestLiveViewOfSessions has containers and sessions with their states, pids and bytes.
func TestLiveViewOfSessions(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "e1", "sh", "-c", "echo 12345; cat")
	if out, err := p.ReadStdout(p.Ctx, "c1", "e1", 100); err != nil || string(out) != "12345\n" {
		t.Fatalf("%q, %v", out, err)
	}
	l := look(p)
	if l.Version != 1 || len(l.Containers) != 1 || len(l.Containers[0].Sessions) != 2 {
		t.Fatalf("view %+v, want a container and its two processes", l)
	}
	c := l.Containers[0]
	init, session := c.Sessions[0], c.Sessions[1]
	if c.ID != "c1" || c.State != "running" || c.Pid == 0 || init.Exec != "c1" || init.Pid != c.Pid {
		t.Errorf("container %+v", c)
	}
	if session.Exec != "e1" || session.State != "running" || session.Stdout != 6 {
		t.Errorf("session %+v, want e1, running, with 6 bytes of stdout", session)
	}
	if _, err := os.Stat(fmt.Sprint("/proc/", session.Pid)); err != nil {
		t.Errorf("pid %d: %v", session.Pid, err)
	}
	if len(l.Steps) != 0 {
		t.Errorf("steps %+v, want none", l.Steps)
	}
}
