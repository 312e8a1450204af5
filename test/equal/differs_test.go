// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// differences are changes to a container, each with a line that has to tell of it: a comparison that
// overlooks one would call anything equal.
var differences = []struct {
	what, section, line string
	change              func(*box)
}{
	{"another mount", "mountinfo", "/bound", func(b *box) { b.bind("dir", "/bound") }},
	{"an option of a mount", "mountinfo", "/dev/shm ro", func(b *box) { option(b, 5, "ro") }},
	{"the way a mount counts times", "mountinfo", "noatime", func(b *box) { option(b, 5, "noatime") }},
	{"propagation of a mount", "mountinfo", "shared:", func(b *box) { option(b, 5, "rshared") }},
	{"a mount that cannot be bound", "mountinfo", "unbindable", func(b *box) { option(b, 5, "unbindable") }},
	{"the size of a tmpfs", "mountinfo", "size=128k", func(b *box) { option(b, 5, "size=128k") }},
	{"the order of mounts", "mountinfo", "/dev/mqueue", func(b *box) {
		b.spec.Mounts[3], b.spec.Mounts[5] = b.spec.Mounts[5], b.spec.Mounts[3]
	}},
	{"a read-only root", "mountinfo", "on  ", func(b *box) { b.spec.Root.Readonly = true }},
	{"a masked path", "mountinfo", "/etc/passwd", func(b *box) { b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, "/etc/passwd") }},
	{"a read-only path", "mountinfo", "/data", func(b *box) { b.spec.Linux.ReadonlyPaths = append(b.spec.Linux.ReadonlyPaths, "/data") }},
	{"what a path shows", "look", "/etc/passwd", func(b *box) {
		b.look = append(b.look, "/etc/passwd")
	}},
	{"a mount point that was made", "left in the root", "/a/b", func(b *box) { b.bind("dir", "/a/b") }},
	{"the mode of a directory", "root", "/data 0407", func(b *box) { guesttest.Must(b.tb, os.Chmod(b.inRoot("data"), 0o700)) }},
	{"the owner of a file", "root", "/etc/passwd", func(b *box) { guesttest.Must(b.tb, os.Chown(b.inRoot("etc/passwd"), 5, 6)) }},
	{"a device", "dev", "/dev/node 020640 7:8 dev 1:3", func(b *box) {
		b.spec.Linux.Devices = []specs.LinuxDevice{device("/dev/node", "c", 1, 3, 0o640, 7, 8)}
	}},
	{"the mode of a device", "dev", "/dev/null 020600", func(b *box) {
		b.spec.Linux.Devices = []specs.LinuxDevice{device("/dev/null", "c", 1, 3, 0o600, 0, 0)}
	}},
	{"a link in /dev", "dev", "/dev/core", func(b *box) {
		b.spec.Mounts = append(b.spec.Mounts[:1], b.spec.Mounts[4:5]...)
		b.link("/data", b.inRoot("dev/core"))
	}},
	{"the user", "ids", "uid 7 7 7", user(specs.User{UID: 7})},
	{"the group", "ids", "gid 7 7 7", user(specs.User{GID: 7})},
	{"another group", "ids", "group 9", user(specs.User{AdditionalGids: []uint32{9}})},
	{"the umask", "status", "Umask:", user(specs.User{Umask: pointer(uint32(0o77))})},
	{"bounding capabilities", "caps", "bounding", process(func(p *specs.Process) { p.Capabilities.Bounding = capabilities[:3] })},
	{"effective capabilities", "state", "/Effective/", // those of root are the permitted ones once a program runs
		process(func(p *specs.Process) { p.Capabilities.Effective = capabilities[:3] })},
	{"permitted capabilities", "status", "CapPrm", process(func(p *specs.Process) {
		p.Capabilities.Effective, p.Capabilities.Permitted = capabilities[:3], capabilities[:3]
	})},
	{"inheritable capabilities", "status", "CapInh", process(func(p *specs.Process) { p.Capabilities.Inheritable = capabilities[:3] })},
	{"ambient capabilities", "status", "CapAmb", process(func(p *specs.Process) {
		p.Capabilities.Inheritable, p.Capabilities.Ambient = capabilities[:3], capabilities[:1]
	})},
	{"no new privileges", "prctl", "no new privileges", process(func(p *specs.Process) { p.NoNewPrivileges = false })},
	{"a seccomp filter", "status", "Seccomp:", func(b *box) { b.spec.Linux.Seccomp = profile("mkdir") }},
	{"what a filter refuses", "tries", "mkdir", func(b *box) { b.spec.Linux.Seccomp = profile("mkdir") }},
	{"a limit", "limits", "Max open files", process(func(p *specs.Process) { p.Rlimits[0].Soft = 100 })},
	{"the OOM score", "score", "77", process(func(p *specs.Process) { p.OOMScoreAdj = pointer(77) })},
	{"the cgroup", "cgroup", "-other", func(b *box) { b.spec.Linux.CgroupsPath += "-other" }},
	{"a limit of the cgroup", "cgroup limits", "512", func(b *box) { b.spec.Linux.Resources.CPU.Shares = pointer(uint64(512)) }},
	{"a namespace", "ns", "net is the container's own", func(b *box) {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "network"})
	}},
	{"a namespace that is joined", "ns", "ipc is given ipc", func(b *box) { joined(b, "ipc") }},
	{"the guest's namespace", "ns", "ipc is the agent's", func(b *box) { b.spec.Linux.Namespaces = without(b.spec.Linux.Namespaces, "ipc") }},
	{"who else is there", "company", "pid", func(b *box) { b.spec.Linux.Namespaces = without(b.spec.Linux.Namespaces, "pid") }},
	{"a network that is down", "network", "lo has flags 8", func(b *box) { joined(b, "network") }},
	{"users of a namespace", "idmap", "200000", userNamespace},
	{"a sysctl", "sysctl", "kernel/msgmax = 4000", func(b *box) { b.spec.Linux.Sysctl = map[string]string{"kernel.msgmax": "4000"} }},
	{"the host name", "uts", "box", func(b *box) { b.spec.Hostname = "box" }},
	{"the working directory", "cwd", "/data", process(func(p *specs.Process) { p.Cwd = "/data" })},
	{"the environment", "env", "A=b", process(func(p *specs.Process) { p.Env = append(p.Env, "A=b") })},
	{"the order of the environment", "env", "another order", process(func(p *specs.Process) { slices.Reverse(p.Env) })},
	{"an argument", "argv", "/extra", process(func(p *specs.Process) { p.Args = append(p.Args, "/extra") })},
	{"how the program is called", "argv", ": probe", process(func(p *specs.Process) { p.Args = []string{"probe"} })},
	{"the program", "exe", "/bin/other", func(b *box) {
		guesttest.Must(b.tb, os.Link(b.inRoot("bin/probe"), b.inRoot("bin/other")))
		b.spec.Process.Args = []string{"/bin/other"}
	}},
	{"a terminal", "terminal", "/dev/pts/0", func(b *box) { b.stdio.Terminal = true }},
	{"the size of a terminal", "terminal", "24 rows, 80 columns", func(b *box) { b.stdio.Terminal, b.stdio.Rows, b.stdio.Columns = true, 24, 80 }},
	{"a descriptor", "fd", "socket", func(b *box) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		guesttest.Must(b.tb, err)
		b.stdio.Files[0] = os.NewFile(uintptr(fds[0]), "socket")
		b.undo = append(b.undo, func() { b.stdio.Files[0].Close(); unix.Close(fds[1]) })
	}},
	{"the scheduler", "sched", "policy 3", process(func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch} })},
	{"the io priority", "sched", "io priority", process(func(p *specs.Process) {
		p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE}
	})},
	{"the personality", "personality", "8", func(b *box) { b.spec.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }},
	{"what libcontainer writes down", "state", "org.example", func(b *box) { b.spec.Annotations["org.example"] = "x" }},
	{"what a hook is told", "hook createRuntime", "/annotations/a = b", func(b *box) {
		hooks("createRuntime")(b)
		b.spec.Annotations["a"] = "b"
	}},
	{"a warning", "warned", "", func(b *box) {
		b.spec.Linux.Resources.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "512GB", Limit: 1 << 40}}
	}},
	{"why it fails", "failed", "no-such-program", process(func(p *specs.Process) { p.Args = []string{"/no-such-program"} })},
}

func option(b *box, mount int, options ...string) {
	m := &b.spec.Mounts[mount]
	m.Options = append(slices.Clone(m.Options), options...)
}

func user(u specs.User) func(*box) { return func(b *box) { b.spec.Process.User = u } }

func process(change func(*specs.Process)) func(*box) { return func(b *box) { change(b.spec.Process) } }

// TestDifferencesAreSeen: the comparison finds each difference that there can be between two containers,
// and none between a container and itself.
func TestDifferencesAreSeen(t *testing.T) {
	guesttest.NeedRoot(t, "to make containers")
	m := newMaker(t, way{name: "libcontainer"})
	dir := filepath.Join(shortDir(t), "box")
	plain := m.make(t, shape{change: func(*box) {}}, dir, true)
	for _, line := range diff(plain, m.make(t, shape{change: func(*box) {}}, dir, true), "first", "second") {
		t.Errorf("two containers of one kind differ: %s", line)
	}
	for _, d := range differences {
		t.Run(d.what, func(t *testing.T) {
			other := m.make(t, shape{change: d.change}, dir, false)
			lines := diff(plain, other, "plain", "changed")
			ok := slices.ContainsFunc(lines, func(line string) bool {
				return strings.HasPrefix(line, d.section+": ") && strings.Contains(line, d.line)
			})
			if !ok {
				t.Errorf("no line of %q has %q: %q", d.section, d.line, lines)
			}
		})
	}
}

// TestEveryRecordCounts: a line that is missing, changed, doubled or elsewhere in any section is a difference.
func TestEveryRecordCounts(t *testing.T) {
	guesttest.NeedRoot(t, "to make containers")
	m := newMaker(t, way{name: "libcontainer"})
	s := m.make(t, shape{change: func(b *box) {
		hooks("createRuntime")(b)
		b.look = []string{"/etc/passwd"}
	}}, filepath.Join(shortDir(t), "box"), true)
	for section, lines := range s {
		for i, line := range lines {
			for _, changed := range [][]string{slices.Delete(slices.Clone(lines), i, i+1), slices.Insert(slices.Clone(lines), i, "more"), slices.Replace(slices.Clone(lines), i, i+1, line+"x")} {
				other := maps.Clone(s)
				other[section] = changed
				if len(diff(s, other, "a", "b")) == 0 {
					t.Errorf("%s: a change of line %d, %q, is overlooked", section, i, line)
				}
			}
		}
	}
	const sections = 30
	if len(s) < sections {
		t.Errorf("%d sections, want at least %d: %q", len(s), sections, sorted(s))
	}
}
