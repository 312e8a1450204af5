// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// mentions counts the lines of the agent's log that have all of the words.
func mentions(a *harness.Agent, words ...string) (n int) { return len(a.Lines(words...)) }

// TestLimitsOfTheHostsKernel: hosts send the page sizes of their own kernel, and limits by
// controllers that the guest's may not have. The container is made all the same, and the log says
// once what is not enforced.
func TestLimitsOfTheHostsKernel(t *testing.T) {
	p := newPod(t, harness.Options{})
	resources := &protocols.LinuxResources{
		Memory:  &protocols.LinuxMemory{Limit: 64 << 20, Swap: 64 << 20, Swappiness: 10},
		CPU:     &protocols.LinuxCPU{RealtimeRuntime: 1000, RealtimePeriod: 1000000},
		BlockIO: &protocols.LinuxBlockIO{Weight: 500, LeafWeight: 500},
		Network: &protocols.LinuxNetwork{ClassID: 1, Priorities: []*protocols.LinuxInterfacePriority{{Name: "lo", Priority: 1}}},
		HugepageLimits: []*protocols.LinuxHugepageLimit{
			{Pagesize: "1GB"}, {Pagesize: "2MB"}, {Pagesize: "512GB", Limit: 1 << 40},
		},
	}
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	spec.Linux.Resources = resources
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	const why = `container \"c1\": not enforced, as this guest's kernel cannot: `
	warned := func() bool { return mentions(p.Agent, "WARN", why, "hugepageLimits 512GB=1099511627776") == 1 }
	p.Until("the log says what is not enforced", warned)
	p.Must(p.Do(p.Ctx, "UpdateContainer", &protocols.UpdateContainerRequest{ContainerId: "c1", Resources: resources}))
	p.Output("c1", "e1", "true")
	if n := mentions(p.Agent, "WARN", why); n != 1 {
		t.Errorf("told %d times, want once", n)
	}
	limit := filepath.Join("/sys/fs/cgroup/memory", p.Cgroup, "c1/memory.limit_in_bytes")
	if b, err := os.ReadFile(limit); err == nil && strings.TrimSpace(string(b)) != "67108864" {
		t.Errorf("memory is limited to %s, want 67108864", b)
	}
	p.Delete("c1")
}

// TestUnknownCapabilities: a name that the guest's kernel does not have, as of a newer host's, is
// passed over for init and for sessions, and told once.
func TestUnknownCapabilities(t *testing.T) {
	p := newPod(t, harness.Options{})
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	set := []string{"CAP_CHOWN", "CAP_FLY", "KILL"}
	spec.Process.Capabilities = &protocols.LinuxCapabilities{Bounding: set, Effective: set, Permitted: set}
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	const want = "CapEff:\t0000000000000021\n" // CAP_CHOWN is bit 0, CAP_KILL bit 5
	if got := p.Output("c1", "of-init", "grep", "CapEff", "/proc/1/status"); got != want {
		t.Errorf("init has %q, want %q", got, want)
	}
	for _, id := range []string{"e1", "e2"} {
		session := harness.Process("grep", "CapEff", "/proc/self/status")
		names := []string{"CAP_CHOWN", "CAP_SWIM", "KILL"}
		session.Capabilities = &protocols.LinuxCapabilities{Bounding: names, Effective: names, Permitted: names}
		p.Must(p.Exec(p.Ctx, "c1", id, session))
		if out, err := p.ReadStdout(p.Ctx, "c1", id, 100); err != nil || string(out) != want {
			t.Errorf("a session has %q, %v, want %q", out, err, want)
		}
		p.WantExit("c1", id, 0)
	}
	for _, name := range []string{"CAP_FLY", "CAP_SWIM"} {
		p.Until("the log names "+name, func() bool { return mentions(p.Agent, "WARN", "no capability of this guest's kernel", name) == 1 })
	}
}

// TestNoUserOrGroup: the ids that the kernel takes for "leave as it is" would be root.
func TestNoUserOrGroup(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	p.Idle("c1")
	const nobody = 4294967295
	for name, user := range map[string]*protocols.User{
		"uid": {UID: nobody}, "gid": {UID: 1, GID: nobody}, "group": {AdditionalGids: []uint32{1, nobody}},
	} {
		spec := p.Spec("c2", p.Rootfs, "true")
		spec.Process.User = user
		harness.Refused(t, p.Create(p.Ctx, "c2", spec), codes.Internal, `"c2"`, "4294967295")
		session := harness.Process("true")
		session.User = user
		harness.Refused(t, p.Exec(p.Ctx, "c1", name, session), codes.Internal, `"c1"`, "4294967295")
	}
	p.Delete("c1")
	p.Settled()
	p.NothingLeft(t, before)
}

// TestSysctlsInEitherSpelling of the kernel, with dots and with slashes.
func TestSysctlsInEitherSpelling(t *testing.T) {
	p := newPod(t, harness.Options{Network: true})
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	spec.Linux.Sysctl = map[string]string{
		"net/ipv4/conf/lo/forwarding": "1", "net.ipv4.ip_unprivileged_port_start": "77", "kernel/shmmni": "222", "kernel.msgmax": "8888",
	}
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	got := p.Output("c1", "e", "cat", "/proc/sys/net/ipv4/conf/lo/forwarding", "/proc/sys/net/ipv4/ip_unprivileged_port_start",
		"/proc/sys/kernel/shmmni", "/proc/sys/kernel/msgmax")
	if want := "1\n77\n222\n8888\n"; got != want {
		t.Errorf("sysctls are %q, want %q", got, want)
	}
}
