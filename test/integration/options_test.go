// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// Each test here shows what one option of docs/configuration.md does, where no other test does;
// guest/config has the list.

func TestOptionServerAddress(t *testing.T) {
	address := "unix://" + filepath.Join(t.TempDir(), "s")
	// The environment would win over the kernel's command line.
	a := harness.Start(t, harness.Options{Address: address, Cmdline: "agent.server_addr=" + address, Env: []string{"KATA_AGENT_SERVER_ADDR="}})
	if err := a.Check(background(t)); err != nil {
		t.Errorf("the agent does not answer on %s: %v", address, err)
	}
}

func TestOptionLogLevel(t *testing.T) {
	for level, want := range map[string]bool{"debug": true, "error": false} {
		p := newPod(t, harness.Options{Cmdline: "agent.log=" + level})
		harness.Refused(t, p.StartContainer(p.Ctx, "nobody"), codes.Internal, "nobody")
		p.Must(p.DestroySandbox(p.Ctx))
		p.WaitExit() // all of the log is written then
		if got := strings.Contains(p.Log(), `"level":"DEBG"`) || strings.Contains(p.Log(), `"level":"INFO"`); got != want {
			t.Errorf("agent.log=%s: lines of debug or info level: %t, want %t\n%s", level, got, want, p.Log())
		}
	}
}

// TestOptionDevmode: the agent may dump core although whoever started it has said otherwise.
func TestOptionDevmode(t *testing.T) {
	for words, want := range map[string]string{"agent.devmode": "unlimited", "quiet": "0"} {
		a := harness.Start(t, harness.Options{Cmdline: words, Wrap: []string{"sh", "-c", `ulimit -S -c 0; exec "$@"`, "sh"}})
		p := harness.OnAgent(t, a)
		p.Until("the limit of core files is "+want, func() bool { return coreLimit(t, a.Pid) == want })
	}
}

func coreLimit(t *testing.T, pid int) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "Max core file size")
	soft := strings.Fields(rest)
	if len(soft) == 0 {
		t.Fatalf("no limit of core files in %s", b)
	}
	return soft[0]
}

func TestOptionPolicyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.rego")
	policy := "package agent_policy\n\ndefault AllowRequestsFailingPolicy := false\nDestroySandboxRequest := true\nCreateContainerRequest := false\n"
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	a := harness.Start(t, harness.Options{Cmdline: "agent.policy_file=" + file})
	err := a.Do(background(t), "CreateContainer", &protocols.CreateContainerRequest{ContainerId: "c1"})
	harness.Refused(t, err, codes.PermissionDenied, "CreateContainerRequest is blocked by policy")
}

func TestOptionPipeSize(t *testing.T) {
	const size = 1 << 17
	p := newPod(t, harness.Options{Cmdline: fmt.Sprintf("agent.container_pipe_size=%d", size)})
	p.Idle("c1")
	p.Must(p.Exec(p.Ctx, "c1", "e1", harness.Process("sh", "-c", "echo $$; exec sleep 10000")))
	_, err := p.ReadStdout(p.Ctx, "c1", "e1", 16)
	p.Must(err)
	var sleeper string
	p.Until("the session runs", func() bool {
		for _, dir := range glob(t, "/proc/[0-9]*") {
			if line, _ := os.ReadFile(dir + "/cmdline"); string(line) == "sleep\x0010000\x00" && below(t, dir, p.Cgroup) {
				sleeper = dir
			}
		}
		return sleeper != ""
	})
	f, err := os.OpenFile(sleeper+"/fd/1", os.O_WRONLY|unix.O_NONBLOCK, 0)
	p.Must(err)
	defer f.Close()
	if got, err := unix.FcntlInt(f.Fd(), unix.F_GETPIPE_SZ, 0); err != nil || got != size {
		t.Errorf("the pipe of standard output holds %d bytes, %v, want %d", got, err, size)
	}
}

// TestOptionContainerInit: an init that waits for its start shows by its command line what has made it.
func TestOptionContainerInit(t *testing.T) {
	for way, want := range map[string]string{"direct": "kata-spawner\x00", "libcontainer": "\x00init\x00"} {
		p := newPod(t, harness.Options{Cmdline: "agent.container_init=" + way, Env: []string{"KATA_AGENT_CONTAINER_INIT="}})
		p.Make("c1", "true")
		var lines []string
		for _, dir := range glob(t, "/proc/[0-9]*") {
			if line, _ := os.ReadFile(dir + "/cmdline"); below(t, dir, p.Cgroup) && strings.HasSuffix(string(line), want) {
				lines = append(lines, string(line))
			}
		}
		if len(lines) != 1 {
			t.Errorf("agent.container_init=%s: %q, want one process with a command line that ends with %q", way, lines, want)
		}
		p.Delete("c1")
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// below tells whether a process is in a cgroup of the test's agent.
func below(t *testing.T, proc, cgroup string) bool {
	t.Helper()
	b, _ := os.ReadFile(proc + "/cgroup")
	return strings.Contains(string(b), cgroup)
}

// device describes a device that shows itself by a variable in the container's environment.
const device = `{"cdiVersion": "0.6.0", "kind": "example.com/gpu", "devices": [{"name": "0", "containerEdits": {"env": ["GPU=here"]}}]}`

// TestOptionVisibleCDIDevices: a container's own environment names its devices only by this option.
func TestOptionVisibleCDIDevices(t *testing.T) {
	for words, want := range map[string]string{"agent.visible_cdi_devices=true": "here\n", "agent.visible_cdi_devices=false": "\n"} {
		p := newPod(t, harness.Options{Cmdline: words})
		p.Must(os.MkdirAll(p.Path("/run/cdi"), 0o755))
		p.Must(os.WriteFile(p.Path("/run/cdi/gpu.json"), []byte(device), 0o600))
		spec := p.Spec("c1", p.Rootfs, "sh", "-c", "echo $GPU")
		spec.Process.Env = append(spec.Process.Env, "VISIBLE_CDI_DEVICES=example.com/gpu=0")
		p.Must(p.Create(p.Ctx, "c1", spec))
		p.Must(p.StartContainer(p.Ctx, "c1"))
		if got, err := p.ReadAll(p.Ctx, "c1", ""); err != nil || string(got) != want {
			t.Errorf("%s: the container has %q, %v, want %q", words, got, err, want)
		}
		p.WantExit("c1", "", 0)
		p.Delete("c1")
	}
}

func TestOptionCDITimeout(t *testing.T) {
	p := newPod(t, harness.Options{Cmdline: "agent.cdi_timeout=1"})
	spec := p.Spec("c1", p.Rootfs, "true")
	spec.Annotations = map[string]string{"cdi.k8s.io/gpu": "example.com/gpu=0"}
	before := p.Warm()
	harness.Refused(t, p.Create(p.Ctx, "c1", spec), codes.Internal, "after CDI timeout of 1 seconds", "example.com/gpu=0")
	p.NothingLeft(t, before)
}
