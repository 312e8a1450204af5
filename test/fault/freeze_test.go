// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestPauseOfACreatedContainer: it is paused, resumed and paused again before its start, and
// starts all the same.
func TestPauseOfACreatedContainer(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	p.Must(p.Create(p.Ctx, "c1", p.Spec("c1", p.Rootfs, "sleep", "10000")))
	for range 3 {
		p.Must(p.Pause("c1"))
		p.Must(p.Resume("c1"))
	}
	p.Must(p.StartContainer(p.Ctx, "c1"))
	for range 3 {
		p.Must(p.Pause("c1"))
		p.Must(p.Resume("c1"))
	}
	p.Output("c1", "e", "true")
	p.Must(p.Pause("c1"))
	p.Delete("c1")
	p.NothingLeft(t, before)
}

// TestNestedFrozenCgroup: a container that may make cgroups has frozen one below its own. On
// cgroup v1 nothing in it dies of a signal; it can be removed all the same.
func TestNestedFrozenCgroup(t *testing.T) {
	for name, shared := range map[string]bool{"own pid namespace": false, "shared pid namespace": true} {
		t.Run(name, func(t *testing.T) {
			p := harness.NewPod(t, harness.Options{})
			before := p.Warm()
			if shared {
				p.Must(p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
					ContainerId: "pause", OCI: p.Spec("pause", p.Rootfs, "sleep", "10000"), SandboxPidns: true,
				}))
				p.Must(p.StartContainer(p.Ctx, "pause"))
			}
			p.Must(p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
				ContainerId: "c1", OCI: p.Spec("c1", p.Rootfs, "sh", "-c", "sleep 10000 & sleep 10000"), SandboxPidns: shared,
			}))
			p.Must(p.StartContainer(p.Ctx, "c1"))
			group := filepath.Join("/sys/fs/cgroup/freezer", p.Cgroup, "c1")
			nested := filepath.Join(group, "a/b")
			if err := os.MkdirAll(nested, 0o755); err != nil {
				t.Skip("needs the freezer of cgroup v1")
			}
			p.Until("everything is in the nested cgroup", func() bool {
				b, _ := os.ReadFile(group + "/cgroup.procs")
				for _, pid := range strings.Fields(string(b)) {
					_ = os.WriteFile(nested+"/cgroup.procs", []byte(pid), 0)
				}
				in, _ := os.ReadFile(nested + "/cgroup.procs")
				return len(b) == 0 && len(strings.Fields(string(in))) >= 2
			})
			freeze(p, "c1/a/b", "FROZEN")
			p.Delete("c1")
			if shared {
				p.Delete("pause")
			}
			p.NothingLeft(t, before)
		})
	}
}
