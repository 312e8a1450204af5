// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestHooksRun looks at what each kind of hook sees.
func TestHooksRun(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	dir := t.TempDir()
	for kind, status := range map[string]string{
		"prestart": "creating", "createRuntime": "creating", "createContainer": "creating",
		"poststart": "running", "poststop": "stopped",
	} {
		t.Run(kind, func(t *testing.T) {
			p := p.In(t)
			out := filepath.Join(dir, kind)
			h := script(t, kind, "cat > "+out+"; pwd > "+out+".pwd; env > "+out+".env; echo $0 $# > "+out+".args")
			spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
			spec.Hooks = hooks(kind, h)
			p.Must(p.Create(p.Ctx, "c1", spec))
			p.Must(p.StartContainer(p.Ctx, "c1"))
			p.Delete("c1")
			var state struct {
				OCIVersion, ID, Status, Bundle string
				Pid                            int
				Annotations                    map[string]string
			}
			b, err := os.ReadFile(out)
			if err == nil {
				err = json.Unmarshal(b, &state)
			}
			if err != nil {
				t.Fatalf("state %q: %v", b, err)
			}
			if state.ID != "c1" || state.Status != status || state.Bundle != "/run/kata-containers/c1" || state.OCIVersion == "" {
				t.Errorf("state: %s", b)
			}
			if (state.Pid == 0) != (kind == "poststop") {
				t.Errorf("pid %d: %s", state.Pid, b)
			}
			if !maps.Equal(state.Annotations, spec.Annotations) {
				t.Errorf("annotations %v, want %v", state.Annotations, spec.Annotations)
			}
			if env, _ := os.ReadFile(out + ".env"); strings.Contains(string(env), "KATA_AGENT") {
				t.Errorf("the hook sees the agent's environment: %s", env)
			}
		})
	}
	t.Run("startContainer", func(t *testing.T) {
		p := p.In(t)
		spec := p.Spec("c1", p.Rootfs, "cat", "/mark")
		spec.Hooks = hooks("startContainer", &protocols.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo hook > /mark"}})
		p.Must(p.Create(p.Ctx, "c1", spec))
		if exists(p.Rootfs + "/mark") {
			t.Error("the hook has run before the start")
		}
		p.Must(p.StartContainer(p.Ctx, "c1"))
		if out, err := p.ReadAll(p.Ctx, "c1", ""); err != nil || string(out) != "hook\n" {
			t.Errorf("output %q, %v", out, err)
		}
		p.Delete("c1")
	})
	p.NothingLeft(t, before)
}

// TestHookFails: those before the start fail what they are part of, later ones only warn
// (OCI runtime specification, "Lifecycle").
func TestHookFails(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	failing := func(t *testing.T, kind string) *protocols.Spec {
		spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
		spec.Hooks = hooks(kind, script(t, "failing-hook", "echo the reason >&2; exit 3"))
		return spec
	}
	for _, kind := range []string{"prestart", "createRuntime", "createContainer"} {
		t.Run(kind, func(t *testing.T) {
			harness.Refused(t, p.Create(p.Ctx, "c1", failing(t, kind)), codes.Internal, `"c1"`, "the reason")
			p.NothingLeft(t, before)
		})
	}
	t.Run("missing", func(t *testing.T) {
		spec := failing(t, "prestart")
		spec.Hooks.Prestart[0].Path = "/nowhere/hook"
		harness.Refused(t, p.Create(p.Ctx, "c1", spec), codes.Internal, `"c1"`, "/nowhere/hook")
		p.NothingLeft(t, before)
	})
	t.Run("startContainer", func(t *testing.T) {
		p := p.In(t)
		spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
		spec.Hooks = hooks("startContainer", &protocols.Hook{Path: "/bin/false", Args: []string{"false"}})
		p.Must(p.Create(p.Ctx, "c1", spec))
		// The hook runs in init, after it has been let go: that init fails is its exit.
		p.Must(p.StartContainer(p.Ctx, "c1"))
		p.WantExit("c1", "", 1)
		p.Delete("c1")
		p.NothingLeft(t, before)
	})
	for _, kind := range []string{"poststart", "poststop"} {
		t.Run(kind, func(t *testing.T) {
			p := p.In(t)
			p.Must(p.Create(p.Ctx, "c1", failing(t, kind)))
			p.Must(p.StartContainer(p.Ctx, "c1"))
			p.Output("c1", "e", "true")
			p.Delete("c1")
			p.NothingLeft(t, before)
			p.Until("the failure is logged", func() bool { // by a writer of its own
				return strings.Contains(p.Log(), kind) && strings.Contains(p.Log(), "the reason")
			})
		})
	}
}

// TestHookHangs gives up a create in a hook that does not end: at the deadline, when the
// host goes away, by a removal, by the hook's own time limit.
func TestHookHangs(t *testing.T) {
	for _, kind := range []string{"prestart", "createRuntime", "createContainer"} {
		t.Run(kind, func(t *testing.T) {
			p := harness.NewPod(t, harness.Options{})
			before := p.Warm()
			mark := filepath.Join(t.TempDir(), "hangs")
			spec := p.Spec("c1", p.Rootfs, "true")
			spec.Hooks = hooks(kind, script(t, "hanging-hook", "sleep 10001 & touch "+mark+"; wait"))
			request := harness.Call{Stream: 1, Method: "CreateContainer", Request: &protocols.CreateContainerRequest{ContainerId: "c1", OCI: spec}}
			hangs := func() {
				t.Helper()
				p.Until("the hook runs", func() bool { return exists(mark) })
				p.Must(os.Remove(mark))
			}
			var r *harness.Raw
			works := func() {
				t.Helper()
				_ = r.Close()
				p.NothingLeft(t, before)
				p.Until("the id is free", func() bool {
					err := p.Create(p.Ctx, "c1", p.Spec("c1", p.Rootfs, "true"))
					return err == nil
				})
				p.Delete("c1")
			}

			a := p.TimeOut(request, func() bool { return exists(mark) })
			p.Must(os.Remove(mark))
			if codes.Code(a.Code) != codes.DeadlineExceeded || a.Text != "timeout" {
				t.Errorf("at the deadline: %+v", a)
			}
			r = p.Raw(t)
			works()

			r = p.Raw(t)
			r.Request(request)
			hangs()
			p.Must(r.Close())
			works()

			r = p.Raw(t)
			r.Request(request)
			hangs()
			p.Must(p.Remove(p.Ctx, "c1"))
			if a := r.Answer(); codes.Code(a.Code) != codes.Internal || !strings.Contains(a.Text, `"c1"`) || !strings.Contains(a.Text, "removed") {
				t.Errorf("create of a removed container: %+v", a)
			}
			works()

			for _, h := range append(spec.Hooks.Prestart, spec.Hooks.CreateRuntime...) {
				// libcontainer runs createContainer hooks; its limit ends the hook and not what
				// the hook has started, whose output it then waits for.
				for limit := int64(1); !exists(mark); limit *= 2 { // on a busy machine it can be over before the hook runs
					h.Timeout = limit
					harness.Refused(t, p.Create(p.Ctx, "c1", spec), codes.Internal, `"c1"`, "hanging-hook", fmt.Sprintf("within %ds", limit))
					works()
				}
				p.Must(os.Remove(mark))
				h.Timeout = 0
			}

			r = p.Raw(t)
			r.Request(request)
			hangs()
			p.Must(p.DestroySandbox(p.Ctx))
			if a := r.Answer(); codes.Code(a.Code) != codes.Internal {
				t.Errorf("create in a sandbox that ends: %+v", a)
			}
			if code := p.WaitExit(); code != 0 {
				t.Errorf("the agent has ended with %d", code)
			}
		})
	}
}

// TestCreateThatHangsHoldsUpNoRequest of the sandbox or of another container.
func TestCreateThatHangsHoldsUpNoRequest(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	p.Idle("c1")
	mark := filepath.Join(t.TempDir(), "hangs")
	spec := p.Spec("c2", p.Rootfs, "true")
	spec.Hooks = hooks("prestart", script(t, "hanging-hook", "touch "+mark+"; exec sleep 10006"))
	r := p.Raw(t)
	r.Request(harness.Call{Stream: 1, Method: "CreateContainer", Request: &protocols.CreateContainerRequest{ContainerId: "c2", OCI: spec}})
	p.Until("the hook runs", func() bool { return exists(mark) })
	for method, request := range map[string]protocols.Message{
		"OnlineCPUMem":                   &protocols.OnlineCPUMemRequest{NbCpus: 1, CpuOnly: true, Wait: true},
		"UpdateEphemeralMounts":          &protocols.UpdateEphemeralMountsRequest{},
		"RemoveStaleVirtiofsShareMounts": &protocols.RemoveStaleVirtiofsShareMountsRequest{},
		"PauseContainer":                 &protocols.PauseContainerRequest{ContainerId: "c1"},
		"UpdateContainer":                &protocols.UpdateContainerRequest{ContainerId: "c1", Resources: &protocols.LinuxResources{CPU: &protocols.LinuxCPU{Shares: 100}}},
	} {
		p.Must(p.Do(p.Ctx, method, request))
		if method == "PauseContainer" {
			p.Must(p.Resume("c1"))
		}
	}
	p.Launch("c3", "true")
	p.WantExit("c3", "", 0)
	p.Delete("c3")
	harness.Refused(t, p.Create(p.Ctx, "c2", p.Spec("c2", p.Rootfs, "true")), codes.AlreadyExists, `"c2"`)
	harness.Refused(t, p.StartContainer(p.Ctx, "c1"), codes.FailedPrecondition)
	p.Delete("c1")
}

// TestRemoveTimesOut answers ETIME while a poststop hook runs on; the next removal ends
// with the first.
func TestRemoveTimesOut(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	release := filepath.Join(t.TempDir(), "release")
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	spec.Hooks = hooks("poststop", script(t, "slow-hook", "while ! test -e "+release+"; do sleep 0.01; done"))
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	err := p.Do(p.Ctx, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: "c1", Timeout: 1})
	harness.Refused(t, err, codes.Internal, `"c1"`, "ETIME: Timer expired")
	if _, err := p.Wait(p.Ctx, "c1", ""); err != nil {
		t.Errorf("wait for what the removal has killed: %v", err)
	}
	harness.Refused(t, p.Exec(p.Ctx, "c1", "e", harness.Process("true")), codes.Internal, `"c1"`, "removed")
	p.Must(os.WriteFile(release, nil, 0o600))
	p.Must(p.Do(p.Ctx, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: "c1", Timeout: 100}))
	harness.Refused(t, p.Remove(p.Ctx, "c1"), codes.Internal, `"c1"`)
	p.NothingLeft(t, before)
}

// TestPoststopHangs is bounded: a pod must be able to end.
func TestPoststopHangs(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	spec.Hooks = hooks("poststop", script(t, "hanging-hook", "sleep 10002"))
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Delete("c1")
	p.NothingLeft(t, before)
}
