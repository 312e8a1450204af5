// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
	"google.golang.org/grpc/codes"
)

// TestStoppedHoldsNoNamespace: with the end of a container's first process the agent lets go of its
// namespaces and cgroups, before anybody removes it. The last descriptor of a mount namespace keeps its
// mounts, and closing it takes the kernel a while.
func TestStoppedHoldsNoNamespace(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := mountNamespaces(p)
	p.Idle("c1")
	if mountNamespaces(p) <= before {
		t.Fatalf("the agent has no mount namespace open for sessions among %q", p.FDs())
	}
	p.Must(p.Signal(p.Ctx, "c1", "", 9))
	if status, err := p.Wait(p.Ctx, "c1", "c1"); err != nil || status != 137 {
		t.Fatalf("status %d, %v, want 137", status, err)
	}
	p.Until("the namespaces are closed", func() bool { return mountNamespaces(p) == before })
	harness.Refused(t, p.Exec(p.Ctx, "c1", "late", harness.Process("true")), codes.FailedPrecondition, "c1")
	p.Delete("c1")
}

// mountNamespaces counts those that the agent has open.
func mountNamespaces(p *harness.Pod) (n int) {
	for _, kind := range p.FDs() {
		if kind == "mnt" {
			n++
		}
	}
	return n
}
