// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// initScript runs "$1" as process 1 of a pid namespace with a /dev, network and host name
// of its own. What it mounts goes with the mount namespace.
const initScript = `
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev &&
mknod /dev/null c 1 3 && mknod /dev/random c 1 8 && mknod /dev/urandom c 1 9 &&
exec timeout -s KILL 20 unshare --uts --net --pid --fork --kill-child sh -c 'exec "$0"' "$1"`

// TestInitInFront starts the agent as process 1: it forks, the agent is its child and knows
// that it is the guest's init, and when the agent ends, so does the guest.
func TestInitInFront(t *testing.T) {
	harness.Root(t)
	dir := t.TempDir()
	cmd := exec.Command("unshare", "-m", "sh", "-c", initScript, "sh", harness.Build(t))
	cmd.Env = append(cmd.Environ(), "KATA_AGENT_SERVER_ADDR=unix://"+dir+"/s", "KATA_AGENT_LOG_LEVEL=info")
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	before := cgroupTree(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := dial(t, "unix://"+dir+"/s")
	defer client.Close()
	if err := client.DestroySandbox(background(t)); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // reboot(2) in a pid namespace ends it by a signal
	if after := cgroupTree(t); after != before {
		t.Errorf("the machine's cgroup tree is now %s, was %s", after, before)
	}
	if !strings.Contains(out.String(), `"pid":"2"`) {
		t.Error("the agent is not the child of its init")
	}
	if !strings.Contains(out.String(), `"init":"true"`) {
		t.Error("the agent does not know that it is init")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// cgroupTree is how the machine has its cgroups mounted, with the options of the file system,
// which an agent in another mount namespace can change.
func cgroupTree(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[4] == "/sys/fs/cgroup" {
			return line
		}
	}
	return ""
}

// bareScript runs "$1" as process 1 with an empty /dev and its standard streams closed, but
// for what "$2" keeps of them.
const bareScript = `
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev &&
exec timeout -s KILL 60 unshare --uts --net --pid --fork --kill-child $3 sh -c "exec \"\$0\" $2" "$1"`

func bareInit(t *testing.T, keep, wrapper string) (*exec.Cmd, *strings.Builder, string) {
	t.Helper()
	harness.Root(t)
	dir := t.TempDir()
	cmd := exec.Command("unshare", "-m", "sh", "-c", bareScript, "sh", harness.Build(t), keep, wrapper)
	cmd.Env = append(cmd.Environ(), "KATA_AGENT_SERVER_ADDR=unix://"+dir+"/s")
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out, "unix://" + dir + "/s"
}

// TestInitWithoutNodes starts the agent as the kernel does from an initrd whose /dev is
// empty: nothing is there for descriptors 0 to 2. It makes the nodes that it needs.
func TestInitWithoutNodes(t *testing.T) {
	cmd, _, address := bareInit(t, "<&- >&- 2>&-", "")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := dial(t, address)
	defer client.Close()
	if err := client.DestroySandbox(background(t)); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // reboot(2) in a pid namespace ends it by a signal
}

// TestInitThatCannotMakeNodes: where the nodes can't be made either, the guest says why it
// ends.
func TestInitThatCannotMakeNodes(t *testing.T) {
	cmd, out, _ := bareInit(t, "<&-", "setpriv --bounding-set -sys_admin,-mknod")
	_ = cmd.Run()
	if want := "kata-agent init: cannot open /dev/null: Operation not permitted, powering off"; !strings.Contains(out.String(), want) {
		t.Errorf("the guest's last words are %q, want %q", out, want)
	}
}

// dial connects to an agent that is just starting.
func dial(t *testing.T, address string) *harness.Client {
	t.Helper()
	var client *harness.Client
	guard.Until(t, "the agent listens", func() (ok bool) {
		c, err := harness.Dial(address)
		client = c
		return err == nil
	})
	return client
}
