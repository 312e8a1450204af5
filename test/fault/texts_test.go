// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestErrorTexts: an error names its container once and says nothing twice, and a program
// that cannot be run has the same words whoever starts it.
func TestErrorTexts(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	p.Must(os.WriteFile(p.Rootfs+"/text", []byte("no program"), 0o644))
	p.Idle("helper")
	spec := p.Spec("libcontainer", p.Rootfs, "sleep", "10000")
	spec.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
	p.Must(p.Create(p.Ctx, "libcontainer", spec))
	p.Must(p.StartContainer(p.Ctx, "libcontainer"))
	want := func(err error, text string) {
		t.Helper()
		if s, _ := status.FromError(err); s.Message() != text {
			t.Errorf("got  %s\nwant %s", s.Message(), text)
		}
	}
	for program, words := range map[string]string{
		"absent":      `exec: "absent": executable file not found in $PATH`,
		"/bin/absent": `exec: "/bin/absent": the file /bin/absent was not found`,
		"./absent":    `exec: "./absent": the file ./absent was not found`,
		"/text":       `exec: "/text": permission denied`,
		"/tmp":        `exec: "/tmp": is a directory`,
	} {
		want(p.Create(p.Ctx, "c1", p.Spec("c1", p.Rootfs, program)), `create container "c1": `+words)
		for _, cid := range []string{"helper", "libcontainer"} {
			want(p.Exec(p.Ctx, cid, "e", harness.Process(program)), `exec in container "`+cid+`": `+words)
		}
	}
	want(p.StartContainer(p.Ctx, "helper"), `cannot start container "helper": it is running`)
	bad := harness.Process("true")
	bad.Env = []string{"x"}
	want(p.Exec(p.Ctx, "helper", "e", bad), `exec in container "helper": malformed OCI env entry, number 1 of 1: it has no "="`)
	volume := &protocols.CreateContainerRequest{
		ContainerId: "c1", OCI: p.Spec("c1", p.Rootfs, "true"),
		Storages: []*protocols.Storage{{Driver: "nodriver", MountPoint: "/x"}},
	}
	want(p.Do(p.Ctx, "CreateContainer", volume), `create container "c1": storage "/x": no handler for this storage driver: "nodriver"`)
	spec = p.Spec("c1", p.Rootfs, "true")
	spec.Root.Path = "/nowhere"
	want(p.Create(p.Ctx, "c1", spec), `rootfs of container "c1": open /nowhere: no such file or directory`)
	for _, kind := range []string{"prestart", "createRuntime", "createContainer"} {
		spec = p.Spec("c1", p.Rootfs, "true")
		spec.Hooks = hooks(kind, &protocols.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo why >&2; exit 3"}})
		err := p.Create(p.Ctx, "c1", spec)
		s, _ := status.FromError(err)
		if strings.Count(s.Message(), `"c1"`) != 1 || !strings.HasSuffix(s.Message(), "hook /bin/sh: exit status 3: why") {
			t.Errorf("a %s hook that fails: %s, want its path, status and output", kind, s.Message())
		}
	}
}
