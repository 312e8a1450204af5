// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestUnknownContainer covers every request that is about a container.
func TestUnknownContainer(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.State()
	const cid = "nobody"
	for method, c := range map[string]struct {
		err  error
		code codes.Code
	}{
		"StartContainer":  {p.StartContainer(p.Ctx, cid), codes.Internal},
		"RemoveContainer": {p.Remove(p.Ctx, cid), codes.Internal},
		"ExecProcess":     {p.Exec(p.Ctx, cid, "e", harness.Process("true")), codes.Internal},
		"kill all":        {p.Signal(p.Ctx, cid, "", 9), codes.Internal},
		"PauseContainer":  {p.Pause(cid), codes.InvalidArgument},
		"ResumeContainer": {p.Resume(cid), codes.InvalidArgument},
		"StatsContainer": {p.Call(p.Ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: cid},
			&protocols.StatsContainerResponse{}), codes.InvalidArgument},
		"UpdateContainer": {p.Do(p.Ctx, "UpdateContainer", &protocols.UpdateContainerRequest{ContainerId: cid}), codes.InvalidArgument},
		"UpdateContainer with resources": {p.Do(p.Ctx, "UpdateContainer", &protocols.UpdateContainerRequest{
			ContainerId: cid, Resources: &protocols.LinuxResources{},
		}), codes.InvalidArgument},
		"GetDiagnosticData": {p.Call(p.Ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{
			LogType: "termination_log", ContainerId: cid,
		}, &protocols.GetDiagnosticDataResponse{}), codes.Internal},
	} {
		t.Run(method, func(t *testing.T) { harness.Refused(t, c.err, c.code, `"nobody"`) })
	}
	p.NothingLeft(t, before)
}

// TestSecondCreateOfAnID must not touch the container that has it.
func TestSecondCreateOfAnID(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	p.Idle("c1")
	p.Session("c1", "e", "cat")
	with := p.State()
	spec := p.Spec("c1", p.Rootfs, "sleep", "1")
	storage := &protocols.Storage{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: "/run/kata-containers/sandbox/second"}
	for range 3 {
		err := p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{ContainerId: "c1", OCI: spec, Storages: []*protocols.Storage{storage}})
		harness.Refused(t, err, codes.AlreadyExists, `"c1"`, "already exists")
	}
	p.NothingLeft(t, with)
	p.Output("c1", "e2", "true")
	if n, err := p.WriteStdin(p.Ctx, "c1", "e", []byte("x")); err != nil || n != 1 {
		t.Errorf("the first container's session: %d, %v", n, err)
	}
	p.Delete("c1")
	p.NothingLeft(t, before)
}

// TestSecondCreateSandbox must not touch what the first has set up.
func TestSecondCreateSandbox(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	before := p.State()
	err := p.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "other", SandboxId: "other", Dns: []string{"nameserver 192.0.2.1"}})
	harness.Refused(t, err, codes.AlreadyExists, `"pod-id"`)
	p.NothingLeft(t, before)
	if out := p.Output("c1", "e", "hostname"); out != "pod\n" {
		t.Errorf("hostname %q", out)
	}
}

// TestExecNeedsALivingContainer: a created or running one.
func TestExecNeedsALivingContainer(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	p.Make("c1", "sleep", "10000")
	p.Output("c1", "e", "true")
	p.Must(p.StartContainer(p.Ctx, "c1"))
	p.Output("c1", "e", "true")
	p.Must(p.Signal(p.Ctx, "c1", "c1", 9))
	p.WantExit("c1", "", 137)
	harness.Refused(t, p.Exec(p.Ctx, "c1", "e", harness.Process("true")), codes.FailedPrecondition, `"c1"`, "stopped")
	p.Delete("c1")
	p.NothingLeft(t, before)
}

func TestStartTwice(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	for range 2 {
		harness.Refused(t, p.StartContainer(p.Ctx, "c1"), codes.FailedPrecondition, `"c1"`, "running")
	}
	p.Output("c1", "e", "true")
}

// TestStartOfADeadContainer has init killed after the create, in both ways hosts can.
func TestStartOfADeadContainer(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	for _, exec := range []string{"", "c1"} {
		p.Make("c1", "true")
		p.Must(p.Signal(p.Ctx, "c1", exec, 9))
		// The exit may not have been seen yet.
		harness.Refused(t, p.StartContainer(p.Ctx, "c1"), codes.FailedPrecondition, `"c1"`)
		p.WantExit("c1", "", 137)
		harness.Refused(t, p.StartContainer(p.Ctx, "c1"), codes.FailedPrecondition, `"c1"`, "stopped")
		p.worksFor(t)
		p.Delete("c1")
	}
	p.NothingLeft(t, before)
}

// worksFor runs another container to its end: the agent works.
func (p *pod) worksFor(t *testing.T) {
	t.Helper()
	p.Launch("other", "true")
	p.WantExit("other", "", 0)
	p.Delete("other")
}

func TestWaitAfterRemove(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Delete("c1")
	_, err := p.Wait(p.Ctx, "c1", "")
	harness.Refused(t, err, codes.InvalidArgument, `invalid container id: "c1"`)
	_, err = p.ReadStdout(p.Ctx, "c1", "", 1)
	harness.Refused(t, err, codes.InvalidArgument, `"c1"`)
}

// TestBadIDs: an id becomes a directory's name.
func TestBadIDs(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	for _, id := range []string{
		"", "a", "/", "sandbox", "shared", "..", ".", "../up", "a/b", "a/../b", "-a", ".a", "_a", "a b", "a\x00b", "a\nb",
		strings.Repeat("x", 300), strings.Repeat("x", 100000), "\xff\xfe", "é1",
	} {
		err := p.Create(p.Ctx, id, p.Spec("c1", p.Rootfs, "true"))
		harness.Refused(t, err, codes.Internal, "invalid container ID")
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("text of %d bytes", len(err.Error()))
		}
	}
	p.NothingLeft(t, before)

	p.Idle("c1")
	with := p.State()
	for _, id := range []string{"", strings.Repeat("e", 2000)} {
		harness.Refused(t, p.Exec(p.Ctx, "c1", id, harness.Process("true")), codes.Internal, "invalid exec id")
	}
	for _, id := range []string{"../../x", "/", "..", strings.Repeat("e", 300), "a\nb", "é", "a b~2"} { // free text
		p.Output("c1", id, "true")
		p.Session("c1", id, "sleep", "10000")
		p.Must(p.Signal(p.Ctx, "c1", id, 9))
		p.WantExit("c1", id, 137)
	}
	p.NothingLeft(t, with)
}

// TestBadSpecs are refused by a create, and the same container can be created rightly
// afterwards.
func TestBadSpecs(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	for name, c := range map[string]struct {
		spoil func(*protocols.Spec)
		words []string
	}{
		"no process":             {func(s *protocols.Spec) { s.Process = nil }, []string{"process"}},
		"no args":                {func(s *protocols.Spec) { s.Process.Args = nil }, []string{"args"}},
		"no root":                {func(s *protocols.Spec) { s.Root = nil }, []string{"root"}},
		"empty root":             {func(s *protocols.Spec) { s.Root.Path = "" }, []string{"root"}},
		"relative root":          {func(s *protocols.Spec) { s.Root.Path = "rootfs" }, []string{"rootfs"}},
		"root that is not there": {func(s *protocols.Spec) { s.Root.Path = "/nowhere/rootfs" }, []string{"/nowhere/rootfs"}},
		"root is a file":         {func(s *protocols.Spec) { s.Root.Path = p.Rootfs + "/etc/passwd" }, []string{"/etc/passwd"}},
		"env":                    {func(s *protocols.Spec) { s.Process.Env = append(s.Process.Env, "NOVALUE") }, []string{"malformed OCI env entry", `no "="`}},
		"namespace": {func(s *protocols.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, &protocols.LinuxNamespace{Type: "dream"})
		}, []string{"dream"}},
		"namespace path": {func(s *protocols.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, &protocols.LinuxNamespace{Type: "network", Path: "/nowhere/ns"})
		}, []string{"/nowhere/ns"}},
		"rlimit": {func(s *protocols.Spec) { s.Process.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_DREAMS"}} }, []string{"RLIMIT_DREAMS"}},
		"rlimit order": {func(s *protocols.Spec) {
			s.Process.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 2, Hard: 1}}
		}, []string{}},
		"OOM score": {func(s *protocols.Spec) { s.Process.OOMScoreAdj = 2000 }, []string{"2000"}},
		"mount source": {func(s *protocols.Spec) {
			s.Mounts = append(s.Mounts, &protocols.Mount{Destination: "/x", Type: "bind", Source: "/nowhere/volume", Options: []string{"rbind"}})
		}, []string{"/nowhere/volume"}},
		"mount type": {func(s *protocols.Spec) {
			s.Mounts = append(s.Mounts, &protocols.Mount{Destination: "/x", Type: "dreamfs", Source: "none"})
		}, []string{"/x", "no such device"}},
		"device type": {func(s *protocols.Spec) {
			s.Linux.Devices = []*protocols.LinuxDevice{{Path: "/dev/x", Type: "q", Major: 1, Minor: 3}}
		}, []string{"/dev/x"}},
		"sysctl": {func(s *protocols.Spec) { s.Linux.Sysctl = map[string]string{"vm.swappiness": "1"} }, []string{"vm.swappiness"}},
		"sysctl path": {func(s *protocols.Spec) {
			s.Linux.Sysctl = map[string]string{"net/../../../../etc/passwd": "1"}
		}, []string{"sysctl"}},
		"seccomp action": {func(s *protocols.Spec) {
			s.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_DREAM"}
		}, []string{"SCMP_ACT_DREAM"}},
		"program": {func(s *protocols.Spec) { s.Process.Args = []string{"/nothing"} }, []string{"/nothing"}},
		"user space": {func(s *protocols.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, &protocols.LinuxNamespace{Type: "user"})
		}, []string{"user"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := p.Spec("c1", p.Rootfs, "true")
			c.spoil(spec)
			err := p.Create(p.Ctx, "c1", spec)
			if err == nil {
				p.Delete("c1")
			}
			harness.Refused(t, err, codes.Internal, append(c.words, `"c1"`)...)
			p.NothingLeft(t, before)
		})
	}
	t.Run("none", func(t *testing.T) {
		harness.Refused(t, p.Create(p.Ctx, "c1", nil), codes.Internal, `"c1"`, "EINVAL")
	})
	p.Make("c1", "true")
	p.Delete("c1")
	p.NothingLeft(t, before)
}

// TestBadSessions are refused by an exec, and the id is free again.
func TestBadSessions(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Output("c1", "e", "true")
	p.settledSession("c1")
	before := p.State()
	for name, c := range map[string]struct {
		spoil func(*protocols.Process)
		words []string
	}{
		"program":   {func(s *protocols.Process) { s.Args = []string{"/nothing"} }, []string{"/nothing"}},
		"in PATH":   {func(s *protocols.Process) { s.Args = []string{"nothing"} }, []string{"nothing"}},
		"no args":   {func(s *protocols.Process) { s.Args = nil }, []string{"args"}},
		"env":       {func(s *protocols.Process) { s.Env = []string{"NOVALUE"} }, []string{"number 1 of 1", `no "="`}},
		"cwd":       {func(s *protocols.Process) { s.Cwd = "/nowhere" }, []string{"/nowhere"}},
		"user":      {func(s *protocols.Process) { s.User = &protocols.User{UID: 4294967295} }, []string{"4294967295"}},
		"rlimit":    {func(s *protocols.Process) { s.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_DREAMS"}} }, []string{"RLIMIT_DREAMS"}},
		"OOM score": {func(s *protocols.Process) { s.OOMScoreAdj = -2000 }, []string{"-2000"}},
		"terminal":  {func(s *protocols.Process) { s.Terminal, s.Args = true, []string{"/nothing"} }, []string{"/nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := harness.Process("true")
			c.spoil(s)
			harness.Refused(t, p.Exec(p.Ctx, "c1", "bad", s), codes.Internal, append(c.words, `"c1"`)...)
			p.NothingLeft(t, before)
			p.Output("c1", "bad", "true")
		})
	}
	harness.Refused(t, p.Exec(p.Ctx, "c1", "bad", nil), codes.Internal, `"c1"`, "process")
	p.NothingLeft(t, before)
}

// TestBadStorages are refused by a create with all that was mounted before them undone.
func TestBadStorages(t *testing.T) {
	p := newPod(t, harness.Options{})
	const dir = "/run/kata-containers/sandbox/"
	p.Must(os.MkdirAll(p.Path(dir), 0o755))
	before := p.Warm()
	good := &protocols.Storage{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: dir + "good"}
	for name, c := range map[string]struct {
		bad   *protocols.Storage
		words []string
	}{
		"driver":      {&protocols.Storage{Driver: "carrier-pigeon", MountPoint: dir + "bad"}, []string{"carrier-pigeon"}},
		"no driver":   {&protocols.Storage{MountPoint: dir + "bad"}, []string{"driver"}},
		"source":      {&protocols.Storage{Driver: "blk", Source: "/dev/nowhere", Fstype: "ext4", MountPoint: dir + "bad"}, []string{"/dev/nowhere"}},
		"file system": {&protocols.Storage{Driver: "overlayfs", Source: "none", Fstype: "dreamfs", MountPoint: dir + "bad"}, []string{dir + "bad"}},
		"option": {&protocols.Storage{Driver: "ephemeral", Source: "nodev", Fstype: "hugetlbfs", MountPoint: dir + "bad",
			Options: []string{"pagesize=3"}}, []string{dir + "bad"}},
		"outside": {&protocols.Storage{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: "/etc"},
			[]string{`storage "/etc"`, "driver ephemeral may mount only below /run/kata-containers"}},
		"no mount point": {&protocols.Storage{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs"}, []string{"mount point"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
				ContainerId: "c1", OCI: p.Spec("c1", p.Rootfs, "true"), Storages: []*protocols.Storage{good, c.bad},
			})
			harness.Refused(t, err, codes.Internal, c.words...)
			p.NothingLeft(t, before)
		})
	}
}
