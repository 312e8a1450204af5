// SPDX-License-Identifier: Apache-2.0

package nsexec_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// inspect prints what a process can see of how it was started. The shell itself reads
// its files in /proc, for a child of it may not be allowed to; ls takes its place.
const inspect = `
show() { echo "== $1"; while read -r line; do echo "$line"; done < $1; }
for f in status limits cgroup oom_score_adj mountinfo stat timerslack_ns personality \
	loginuid sessionid setgroups uid_map coredump_filter \
	attr/current attr/exec attr/fscreate attr/keycreate attr/sockcreate \
	fdinfo/0 fdinfo/1 fdinfo/2; do show /proc/self/$f; done
echo == commands; umask; pwd; env; id; hostname; tty; stty size; stty -a
ls -ln /dev/pts; stat -L -c '%u %g %a' /dev/fd/0 /proc/self/fd/1 /proc/self/fd/2
echo == trapped; trap
echo end $$
exec ls -ln /proc/self/ns /proc/self/fd /proc/self/cwd /proc/self/root
`

var (
	measured = regexp.MustCompile(`^(Vm|Rss|Hugetlb|State|voluntary|nonvoluntary|FDSize|SigQ|x86_Thread)`)
	statLine = regexp.MustCompile(`^\d+ \(sh\) `)
	lastLine = regexp.MustCompile(`(?m)^end (\d+)`)
	varying  = []struct {
		pattern *regexp.Regexp
		with    string
	}{
		{regexp.MustCompile(`^(Tgid|Pid|NS\w+|end):? [\d ]+$`), "$1 own"},
		{regexp.MustCompile(`pipe:\[\d+\]`), "pipe"},
		{regexp.MustCompile(`^ino: \d+`), "ino"},
		{regexp.MustCompile(`/proc/\d+/fd`), "/proc/own/fd"},
		{regexp.MustCompile(`[A-Z][a-z]{2} \d+ \d+:\d+`), "time"},
	}
)

// normal takes out what differs from run to run: process numbers, inodes, memory, time.
func normal(text string) string {
	var pid string
	if m := lastLine.FindStringSubmatch(text); m != nil {
		pid = m[1]
	}
	var out []string
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r", ""), "\n") {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case measured.MatchString(line):
			continue
		case statLine.MatchString(line):
			line = stat(line, pid)
		}
		for _, r := range varying {
			line = r.pattern.ReplaceAllString(line, r.with)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// stat keeps the fields of /proc/<pid>/stat that do not measure: state (3) is left out,
// ppid 4, pgrp 5, session 6, tty 7, tpgid 8, then priority 18, nice 19, threads 20, exit
// signal 38, rt priority 40, policy 41.
func stat(line, pid string) string {
	f := strings.Fields(line)
	var kept []string
	for _, n := range []int{4, 5, 6, 7, 8, 18, 19, 20, 38, 40, 41} {
		v := f[n-1]
		if v == pid && n <= 8 {
			v = "own"
		}
		kept = append(kept, fmt.Sprintf("%d=%s", n, v))
	}
	return strings.Join(kept, " ")
}

// process is one way to start a process, in terms of both.
type process struct {
	args     []string
	env      []string
	cwd      string
	uid, gid uint32
	groups   []uint32
	caps     *configs.Capabilities
	nnp      bool
	rlimits  []configs.Rlimit
	tty      bool
	rows     uint16
	columns  uint16
}

func (p process) request(t *testing.T, c *container) *nsexec.Request {
	t.Helper()
	r := c.request(p.args...)
	r.Env, r.Cwd, r.UID, r.GID, r.Groups = p.env, p.cwd, p.uid, p.gid, p.groups
	r.NoNewPrivileges, r.Terminal, r.Rows, r.Columns = p.nnp, p.tty, p.rows, p.columns
	umask := *c.Config().Umask
	r.Umask, r.OOMScoreAdj = &umask, c.Config().OomScoreAdj
	if p.caps == nil {
		p.caps = c.Config().Capabilities
	}
	if p.caps != nil {
		r.Capabilities = &nsexec.Capabilities{}
		for set, names := range map[*uint64][]string{
			&r.Capabilities.Bounding: p.caps.Bounding, &r.Capabilities.Effective: p.caps.Effective,
			&r.Capabilities.Permitted: p.caps.Permitted, &r.Capabilities.Inheritable: p.caps.Inheritable,
			&r.Capabilities.Ambient: p.caps.Ambient,
		} {
			var err error
			if *set, _, err = nsexec.CapabilitySet(names); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.Rlimits = append(r.Rlimits, p.limits(t)...)
	return r
}

// limits has RLIMIT_MEMLOCK always, as the agent gives it always: libcontainer removes that
// of its own process when it loads a device program (cgroup v2).
func (p process) limits(t *testing.T) []configs.Rlimit {
	var lock unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &lock); err != nil {
		t.Fatal(err)
	}
	return append(slices.Clone(p.rlimits), configs.Rlimit{Type: unix.RLIMIT_MEMLOCK, Soft: lock.Cur, Hard: lock.Max})
}

func (p process) byHelper(t *testing.T, h *nsexec.Helper, c *container, null *os.File) (string, error) {
	t.Helper()
	r := p.request(t, c)
	r.Files[0] = null
	if !p.tty {
		return run(t, h, r)
	}
	started, err := h.Spawn(t.Context(), r)
	if err != nil {
		return "", err
	}
	defer started.Terminal.Close()
	text := readTerminal(started.Terminal)
	wait(t, started)
	return text, nil
}

// readTerminal reads until the terminal hangs up. The kernel sometimes says so (EIO) a
// moment early; guest/container/stdio has the same loop.
func readTerminal(master *os.File) string {
	var text []byte
	for range 3 {
		more, _ := io.ReadAll(master)
		text = append(text, more...)
	}
	return string(text)
}

func (p process) byLibcontainer(t *testing.T, c *container, null *os.File) (string, error) {
	t.Helper()
	q := &libcontainer.Process{
		Args: p.args, Env: p.env, Cwd: p.cwd, UID: int(p.uid), GID: int(p.gid),
		Capabilities: p.caps, NoNewPrivileges: &p.nnp, Rlimits: p.limits(t), Stdin: null,
	}
	for _, g := range p.groups {
		q.AdditionalGroups = append(q.AdditionalGroups, int(g))
	}
	var out, in *os.File
	var err error
	if p.tty {
		var pair [2]int
		if pair, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
		out, in = os.NewFile(uintptr(pair[0]), "console"), os.NewFile(uintptr(pair[1]), "console")
		q.ConsoleSocket, q.ConsoleHeight, q.ConsoleWidth, q.Stdin = in, p.rows, p.columns, nil
	} else {
		if out, in, err = os.Pipe(); err != nil {
			t.Fatal(err)
		}
		q.Stdout, q.Stderr = in, in
	}
	defer out.Close()
	err = c.Run(q)
	in.Close()
	if err != nil {
		return "", err
	}
	defer q.Wait()
	if p.tty {
		control := make([]byte, 64)
		_, n, _, _, err := unix.Recvmsg(int(out.Fd()), make([]byte, 4096), control, 0)
		if err != nil {
			t.Fatal(err)
		}
		messages, _ := unix.ParseSocketControlMessage(control[:n])
		fds, _ := unix.ParseUnixRights(&messages[0])
		master := os.NewFile(uintptr(fds[0]), "master")
		defer master.Close()
		return readTerminal(master), nil
	}
	text, err := io.ReadAll(out)
	return string(text), err
}

var (
	someCaps = []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE", "CAP_SETUID"}
	limited  = &configs.Capabilities{Bounding: someCaps, Effective: someCaps, Permitted: someCaps}
)

func TestEqualToLibcontainer(t *testing.T) {
	guesttest.NeedRoot(t, "to start containers")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	h := startHelper(t)
	plain := process{args: []string{"sh", "-c", inspect}, env: []string{"PATH=/bin", "HOME=/root", "A=b c", "E="}, cwd: "/", caps: limited}
	with := func(change func(*process)) process {
		p := plain
		change(&p)
		return p
	}
	processes := map[string]process{
		"root":             plain,
		"user":             with(func(p *process) { p.uid, p.gid = 1000, 1001 }),
		"groups":           with(func(p *process) { p.uid, p.gid, p.groups = 1000, 1001, []uint32{7, 8, 9000} }),
		"user, one gid":    with(func(p *process) { p.gid, p.groups = 5, []uint32{5} }),
		"no capabilities":  with(func(p *process) { p.caps = &configs.Capabilities{} }),
		"container's caps": with(func(p *process) { p.caps = nil }),
		"five sets": with(func(p *process) {
			p.caps = &configs.Capabilities{
				Bounding: someCaps, Effective: someCaps[:3], Permitted: someCaps[:4],
				Inheritable: someCaps[1:3], Ambient: someCaps[1:2],
			}
		}),
		"ambient of a user": with(func(p *process) {
			p.uid, p.gid = 1000, 1000
			p.caps = &configs.Capabilities{Bounding: someCaps, Effective: someCaps, Permitted: someCaps, Inheritable: someCaps, Ambient: someCaps[:2]}
		}),
		"ambient that cannot be": with(func(p *process) {
			p.caps = &configs.Capabilities{Bounding: someCaps, Effective: someCaps, Permitted: someCaps, Ambient: someCaps}
		}),
		"unknown capability": with(func(p *process) {
			p.caps = &configs.Capabilities{Bounding: []string{"CAP_NONE", "CAP_KILL"}}
		}),
		"no new privileges": with(func(p *process) { p.nnp = true }),
		"limits": with(func(p *process) {
			p.rlimits = []configs.Rlimit{{Type: unix.RLIMIT_NOFILE, Soft: 100, Hard: 200}, {Type: unix.RLIMIT_CORE, Soft: 0, Hard: 0}, {Type: unix.RLIMIT_STACK, Soft: 1 << 20, Hard: 1 << 22}}
		}),
		"few descriptors": with(func(p *process) { p.rlimits = []configs.Rlimit{{Type: unix.RLIMIT_NOFILE, Soft: 20, Hard: 20}} }),
		"cwd":             with(func(p *process) { p.cwd = "/tmp" }),
		"cwd of the user": with(func(p *process) { p.cwd, p.uid, p.gid = "/private", 1000, 1000 }),
		"tty":             with(func(p *process) { p.tty = true }),
		"tty with size":   with(func(p *process) { p.tty, p.rows, p.columns = true, 24, 80 }),
		"tty of a user":   with(func(p *process) { p.tty, p.uid, p.gid = true, 1000, 1000 }),
		"everything": with(func(p *process) {
			p.tty, p.uid, p.gid, p.nnp, p.groups, p.rows, p.columns = true, 1000, 1000, true, []uint32{3}, 10, 20
			p.rlimits = []configs.Rlimit{{Type: unix.RLIMIT_NOFILE, Soft: 64, Hard: 64}}
		}),
		// What must fail, and must fail either way.
		"missing cwd":     with(func(p *process) { p.cwd = "/nowhere" }),
		"cwd is a file":   with(func(p *process) { p.cwd = "/bin/busybox" }),
		"foreign cwd":     with(func(p *process) { p.cwd, p.uid, p.caps = "/private", 2000, &configs.Capabilities{} }),
		"missing program": with(func(p *process) { p.args = []string{"no-such-program"} }),
		"missing path":    with(func(p *process) { p.args = []string{"/bin/no-such-program"} }),
		"directory":       with(func(p *process) { p.args = []string{"/bin"} }),
		"no permission":   with(func(p *process) { p.args = []string{"/etc/passwd"} }),
		"no PATH":         with(func(p *process) { p.env = []string{"HOME=/"} }),
	}
	adj := 321
	variants := map[string]variant{
		"plain":      {},
		"user ns":    {userNS: true},
		"read-only":  {readOnly: true},
		"shared pid": {hostPID: true},
		"configured": {change: func(s *specs.Spec) {
			s.Process.OOMScoreAdj = &adj
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: someCaps, Permitted: someCaps[:1]}
		}},
	}
	for name, v := range variants {
		t.Run(name, func(t *testing.T) {
			c := newContainer(t, v)
			for name, p := range processes {
				t.Run(name, func(t *testing.T) {
					want, wantErr := p.byLibcontainer(t, c, null)
					got, err := p.byHelper(t, h, c, null)
					if (err != nil) != (wantErr != nil) {
						t.Fatalf("helper: %v, libcontainer: %v", err, wantErr)
					}
					if err != nil {
						if e := new(nsexec.Error); !errors.As(err, &e) {
							t.Errorf("%v is no nsexec.Error", err)
						}
						return
					}
					compare(t, normal(got), normal(want))
				})
			}
		})
	}
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		if !strings.Contains(got, "end ") {
			t.Errorf("the inspection did not come to its end:\n%s", got)
		}
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "", ""
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("line %d: helper %q, libcontainer %q", i, a, b)
		}
	}
}
