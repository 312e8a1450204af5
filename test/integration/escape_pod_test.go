// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// secret is in a file of the guest that no container may see.
const secret = "the guest's own secret"

// escape is a pod whose containers try to get out of it, with the program of ./intruder in their
// root file system and a volume in which the first of them may do as it likes.
type escape struct {
	*pod
	guest  string // a directory of the guest that belongs to nobody's container, with the secret
	volume string // the guest's path of what the containers have at /vol
	all    bool   // the containers have every capability
}

// inEachWay runs a test once for each way in which an agent makes the init of a container.
func inEachWay(t *testing.T, test func(t *testing.T, o harness.Options)) {
	t.Helper()
	for _, way := range []string{runtime.WayLibcontainer, runtime.WayDirect} {
		t.Run(way, func(t *testing.T) { test(t, harness.Options{Env: []string{"KATA_AGENT_CONTAINER_INIT=" + way}}) })
	}
}

func newEscape(t *testing.T, o harness.Options) *escape {
	t.Helper()
	p := onAgent(t, harness.Start(t, o))
	// With a pid namespace for all, one container sees how another one is born.
	p.Must(p.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "pod-id", SandboxPidns: true}))
	e := &escape{pod: p, guest: t.TempDir(), volume: t.TempDir()}
	e.write(filepath.Join(e.guest, "secret"), secret)
	for _, dir := range []string{e.guest, e.volume} {
		p.Must(os.Chmod(dir, 0o777))
	}
	install(t, p.Rootfs)
	return e
}

func (e *escape) write(file, content string) {
	e.T.Helper()
	e.Must(os.MkdirAll(filepath.Dir(file), 0o755))
	e.Must(os.WriteFile(file, []byte(content), 0o755))
}

// install puts the intruder into a root file system.
func install(t *testing.T, rootfs string) {
	t.Helper()
	build := exec.Command("go", "build", "-o", filepath.Join(rootfs, "bin/intruder"), "./test/integration/intruder")
	build.Dir, build.Env = harness.ModuleRoot(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
}

// spec is a container with the volume, and with more rights than usual if all is set.
func (e *escape) spec(cid string, args ...string) *protocols.Spec {
	spec := e.Spec(cid, e.Rootfs, args...)
	spec.Mounts = append(spec.Mounts, bind(e.volume, "/vol"))
	e.dress(spec.Process)
	return spec
}

func bind(source, destination string) *protocols.Mount {
	return &protocols.Mount{Source: source, Destination: destination, Type: "bind", Options: []string{"rbind", "rw"}}
}

func (e *escape) dress(p *protocols.Process) {
	if e.all {
		p.Capabilities = &protocols.LinuxCapabilities{Bounding: allCapabilities, Effective: allCapabilities, Permitted: allCapabilities}
	} else {
		p.Capabilities = &protocols.LinuxCapabilities{Bounding: harness.Capabilities, Effective: harness.Capabilities, Permitted: harness.Capabilities}
	}
}

// allCapabilities but those that only tests on this machine could not give.
var allCapabilities = append([]string{
	"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_SYS_RAWIO", "CAP_NET_ADMIN", "CAP_SYS_MODULE", "CAP_LINUX_IMMUTABLE",
}, harness.Capabilities...)

// intruder is a session that works until it is stopped.
func (e *escape) intruder(cid string, args ...string) (stop func() string) {
	e.T.Helper()
	const exec = "intruder"
	p := harness.Process(append([]string{"/bin/intruder"}, args...)...)
	e.dress(p)
	e.Must(e.Exec(e.Ctx, cid, exec, p))
	begun, err := e.ReadStdout(e.Ctx, cid, exec, 100)
	if err != nil || !strings.HasPrefix(string(begun), "begins\n") {
		e.T.Fatalf("the intruder says %q, %v; want that it begins", begun, err)
	}
	return func() string {
		e.T.Helper()
		e.Must(e.Do(e.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: cid, ExecId: exec}))
		out, err := e.ReadAll(e.Ctx, cid, exec)
		e.Must(err)
		e.WantExit(cid, exec, 0)
		if !strings.HasSuffix(string(out), "tried\n") {
			e.T.Errorf("the intruder says %q, want that it has tried all the time", out)
		}
		return string(out)
	}
}

// attempt creates a container that is built to get out, starts it and gives the output and status
// of its program; a refusal is one of create or start, and no container is left then.
func (e *escape) attempt(cid string, spec *protocols.Spec) (out string, refused error) {
	e.T.Helper()
	if refused = e.Create(e.Ctx, cid, spec); refused != nil {
		return "", refused
	}
	defer e.Delete(cid)
	if refused = e.StartContainer(e.Ctx, cid); refused != nil {
		return "", refused
	}
	b, err := e.ReadAll(e.Ctx, cid, cid)
	e.Must(err)
	return string(b), nil
}

// wantNoSecret looks for what a container has found.
func (e *escape) wantNoSecret(what, out string) {
	e.T.Helper()
	if strings.Contains(out, secret) || strings.Contains(out, "REACHED") {
		e.T.Errorf("%s has got out: %q", what, out)
	}
}

// wantUntouched looks at the guest's directory.
func (e *escape) wantUntouched(what string) {
	e.T.Helper()
	entries, err := os.ReadDir(e.guest)
	e.Must(err)
	data, err := os.ReadFile(filepath.Join(e.guest, "secret"))
	if len(entries) != 1 || string(data) != secret {
		e.T.Errorf("%s has written to the guest: %v, %q, %v", what, entries, data, err)
	}
}

// climb is a script that looks for the secret from where it is.
func (e *escape) climb() string {
	return fmt.Sprintf(`for up in . .. ../.. ../../.. ../../../.. ../../../../../../..; do cat $up/secret $up%s/secret; done 2>/dev/null; true`, e.guest)
}

func digest(t testing.TB, file string) [32]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}
