// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// defaultPolicy is what an image with AGENT_POLICY=yes has: this one allows all but pausing.
const defaultPolicy = `package agent_policy

default AllowRequestsFailingPolicy := false
default CheckRequest := true
default CreateSandboxRequest := true
default CreateContainerRequest := true
default StartContainerRequest := true
default RemoveContainerRequest := true
default ExecProcessRequest := true
default WaitProcessRequest := true
default ReadStreamRequest := true
default CloseStdinRequest := true
default SignalProcessRequest := true
default DestroySandboxRequest := true
default GuestDetailsRequest := true
default PauseContainerRequest := false
`

// builtAsImage makes the calls that the rootfs builder of Kata Containers makes in the agent's tree,
// there src/agent, and returns what they have installed: a tree that goes into the image.
func builtAsImage(t *testing.T, variables ...string) string {
	t.Helper()
	source, root := filepath.Join(t.TempDir(), "src/agent"), t.TempDir()
	tree := exec.Command("sh", "-c", `mkdir -p "$1" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$1"`, "sh", source)
	tree.Dir = harness.ModuleRoot()
	run(t, tree)
	for _, target := range [][]string{{"clean"}, {}, {"install", "DESTDIR=" + root}} {
		call := exec.Command("make", slices.Concat(target, variables)...)
		call.Dir = source
		// As the builder's container: no more of this make's variables than the path.
		call.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool {
			return strings.HasPrefix(s, "MAKE") || strings.HasPrefix(s, "MFLAGS") || strings.HasPrefix(s, "GOFLAGS") || strings.HasPrefix(s, "TAGS")
		}), "COMMIT=of-the-image")
		run(t, call)
	}
	return root
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// filesBelow are the files of a tree, by their path in it.
func filesBelow(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// livePod is the shortest proof that an agent works: a container, a session in it, and its removal.
func livePod(t *testing.T, agent *host.Agent) {
	t.Helper()
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
	c := agent.RunSleeper(t, "c1")
	if got := c.Shell(t, "echo out; hostname"); got != "out\npod" {
		t.Errorf("a session wrote %q, want out and the host name", got)
	}
	c.Remove(t)
}

// TestImageWithTheAgentAsInit is an initrd as the builder makes it with AGENT_INIT=yes: it moves the
// program to /sbin/init. With AGENT_POLICY=yes the policy is in /etc/kata-opa.
func TestImageWithTheAgentAsInit(t *testing.T) {
	root := builtAsImage(t, "LIBC=musl", "INIT=yes", "SECCOMP=yes", "AGENT_POLICY=yes")
	if got := filesBelow(t, root); !slices.Equal(got, []string{"/usr/bin/kata-agent"}) {
		t.Errorf("installed are %v, want the program and no unit", got)
	}
	vm := lab.Boot(t, lab.Options{
		InitPath: "/sbin/init", CgroupV2: true,
		Files: map[string]lab.File{
			"/sbin/init":                        {Path: root + "/usr/bin/kata-agent", Mode: 0o755},
			"/etc/kata-opa/default-policy.rego": {Data: []byte(defaultPolicy)},
		},
	})
	agent := host.Connect(t, vm)
	details := agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{}).(*protocols.GuestDetailsResponse).AgentDetails
	if !details.InitDaemon || !slices.Contains(details.ExtraFeatures, "agent-policy") {
		t.Errorf("details %v, want an init daemon with the feature agent-policy", details)
	}
	err := agent.Fails(t, "PauseContainer", &protocols.PauseContainerRequest{ContainerId: "c1"})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("PauseContainer: %v, want the denial of the image's policy", err)
	}
	livePod(t, agent)
	agent.DestroySandbox(t)
}

// TestImageWithSystemd is a root file system as the builder makes it with AGENT_INIT=no, with the
// units from the same "make install".
func TestImageWithSystemd(t *testing.T) {
	root := builtAsImage(t, "LIBC=gnu", "INIT=no", "SECCOMP=yes", "AGENT_POLICY=no")
	const units = "/usr/lib/systemd/system/"
	want := []string{"/usr/bin/kata-agent", units + "kata-agent.service", units + "kata-containers.target"}
	installed := filesBelow(t, root)
	if !slices.Equal(installed, want) {
		t.Errorf("installed are %v, want %v", installed, want)
	}
	opts := lab.Options{CgroupV2: true, Files: map[string]lab.File{}}
	for _, file := range installed {
		opts.Files[file] = lab.File{Path: root + file}
	}
	vm := lab.Boot(t, lab.Systemd(t, root+"/usr/bin/kata-agent", opts))
	agent := host.Connect(t, vm)
	details := agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{}).(*protocols.GuestDetailsResponse).AgentDetails
	if details.InitDaemon {
		t.Error("the agent says that it is init")
	}
	got := vm.Shell(t, "systemd-analyze verify --man=no "+units+"kata-agent.service "+units+"kata-containers.target 2>&1 | grep -e kata- -e 'not found'; true")
	if got != "" {
		t.Errorf("systemd-analyze verify says\n%s\nwant nothing about the units", got)
	}
	livePod(t, agent)
	agent.DestroySandbox(t)
}
