// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestHealthyPodLogsNoWarning: a container with hooks and an ambient capability, a session, what
// hosts ask for when it is removed, and the end of the pod leave no warning.
func TestHealthyPodLogsNoWarning(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	spec.Hooks = hooks("prestart", script(t, "prestart", "true"))
	for _, kind := range []string{"createRuntime", "createContainer", "poststart", "poststop"} {
		h := hooks(kind, script(t, kind, "true"))
		spec.Hooks.CreateRuntime = append(spec.Hooks.CreateRuntime, h.CreateRuntime...)
		spec.Hooks.CreateContainer = append(spec.Hooks.CreateContainer, h.CreateContainer...)
		spec.Hooks.Poststart = append(spec.Hooks.Poststart, h.Poststart...)
		spec.Hooks.Poststop = append(spec.Hooks.Poststop, h.Poststop...)
	}
	spec.Process.Capabilities.Ambient = []string{"CAP_CHOWN"} // not inheritable: it cannot be raised
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	if out := p.Output("c1", "e", "echo", "x"); out != "x\n" {
		t.Errorf("output %q", out)
	}
	p.Delete("c1")
	p.Must(p.Do(p.Ctx, "RemoveStaleVirtiofsShareMounts", &protocols.RemoveStaleVirtiofsShareMountsRequest{}))
	for _, line := range p.Warnings() {
		t.Errorf("a healthy pod logs: %s", line)
	}
}
