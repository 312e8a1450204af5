// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// look is what each container of these tests runs: it shows its mounts, and looks for the secret
// through every path that a mount may have gone astray by.
func (e *escape) look(dirs ...string) string {
	script := "cat /proc/self/mountinfo; "
	for _, dir := range append(dirs, "/", "/vol") {
		script += fmt.Sprintf("cat %s/secret %s%s/secret 2>/dev/null; ", dir, dir, e.guest)
	}
	return script + "true"
}

// TestEscapeByExchangedMountPoints is CVE-2021-30465, and CVE-2019-19921 with an image whose /proc is
// exchanged: a container that shares a volume with another one exchanges a directory of it for a link
// while the other's mounts are made.
func TestEscapeByExchangedMountPoints(t *testing.T) { inEachWay(t, escapeByExchangedMountPoints) }

func escapeByExchangedMountPoints(t *testing.T, o harness.Options) {
	t.Helper()
	e := newEscape(t, o)
	for _, dir := range []string{"dir", "root/proc", "root/vol", "root/dev", "root/sys", "root/bin", "root/tmp"} {
		e.Must(os.MkdirAll(filepath.Join(e.volume, dir), 0o755))
	}
	busybox, err := os.ReadFile("/bin/busybox")
	e.Must(err)
	e.write(filepath.Join(e.volume, "root/bin/busybox"), string(busybox))
	for _, applet := range []string{"sh", "cat"} {
		e.Must(os.Symlink("busybox", filepath.Join(e.volume, "root/bin", applet)))
	}
	e.Must(os.Symlink("/..", filepath.Join(e.volume, "link")))
	e.Must(os.Symlink("/vol/dir", filepath.Join(e.volume, "root/link")))
	e.Must(os.Symlink("../../../../.."+e.guest, filepath.Join(e.volume, "up")))
	e.Must(e.Create(e.Ctx, "c1", e.spec("c1", "sleep", "10000")))
	e.Must(e.StartContainer(e.Ctx, "c1"))
	before := e.State()
	for name, c := range map[string]struct {
		a, b   string
		change func(*protocols.Spec)
	}{
		"a mount point and a link to the root": {"/vol/dir", "/vol/link", func(s *protocols.Spec) {
			s.Mounts = append(s.Mounts, &protocols.Mount{Source: "tmpfs", Destination: "/vol/dir/x", Type: "tmpfs"}, bind(e.volume, "/vol/dir/y"))
		}},
		"a mount point and a link upwards": {"/vol/dir", "/vol/up", func(s *protocols.Spec) {
			s.Mounts = append(s.Mounts, &protocols.Mount{Source: "tmpfs", Destination: "/vol/dir", Type: "tmpfs"}, bind(e.volume, "/vol/dir/y"))
		}},
		"/proc of the image and a link": {"/vol/root/proc", "/vol/root/link", func(s *protocols.Spec) {
			s.Root.Path = filepath.Join(e.volume, "root")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := e.in(t)
			stop := e.intruder("c1", "exchange", c.a, c.b)
			made, refused := 0, 0
			for i := range 12 {
				cid := fmt.Sprintf("c2-%d", i)
				spec := e.spec(cid, "sh", "-c", e.look("/vol/dir", "/vol/link", "/vol/up"))
				c.change(spec)
				out, err := e.attempt(cid, spec)
				e.wantNoSecret("a container", out)
				if err != nil {
					refused++
				} else {
					made++
				}
			}
			t.Logf("%d containers were made, %d refused", made, refused)
			stop()
			e.wantUntouched("an exchange")
			for _, entry := range []string{"x", "y"} {
				if _, err := os.Lstat(filepath.Join(e.guest, entry)); err == nil {
					t.Errorf("%s was made in the guest", entry)
				}
			}
			e.NothingLeft(t, before)
		})
	}
}

// in is the same for a subtest.
func (e *escape) in(t *testing.T) *escape {
	sub := *e
	sub.pod = e.pod.in(t)
	return &sub
}

// TestEscapeByAProcThatIsNone is CVE-2019-19921 and CVE-2025-52881: what the agent writes to a procfs
// (labels, limits, sysctls) must not end in a file that the image or a volume has put there.
func TestEscapeByAProcThatIsNone(t *testing.T) { inEachWay(t, escapeByAProcThatIsNone) }

func escapeByAProcThatIsNone(t *testing.T, o harness.Options) {
	t.Helper()
	e := newEscape(t, o)
	victim := filepath.Join(e.volume, "victim")
	fake := []string{"self/attr/exec", "self/attr/current", "thread-self/attr/exec", "self/oom_score_adj", "self/attr/apparmor/exec", "sys/net/ipv4/ping_group_range"}
	for name, change := range map[string]func(*protocols.Spec){
		"a volume at /proc": func(s *protocols.Spec) { s.Mounts[0] = bind(e.volume, "/proc") },
		"a tmpfs at /proc": func(s *protocols.Spec) {
			s.Mounts[0] = &protocols.Mount{Destination: "/proc", Type: "tmpfs", Source: "tmpfs"}
		},
		"a volume over /proc": func(s *protocols.Spec) { s.Mounts = append(s.Mounts, bind(e.volume, "/proc")) },
		"a volume over /proc/self": func(s *protocols.Spec) {
			s.Mounts = append(s.Mounts, bind(e.volume+"/self", "/proc/self"))
		},
		"a volume over /proc/sys": func(s *protocols.Spec) { s.Mounts = append(s.Mounts, bind(e.volume+"/sys", "/proc/sys")) },
		"an image with a link at /proc": func(s *protocols.Spec) {
			s.Root.Path = harness.Rootfs(t)
			e.Must(os.Remove(filepath.Join(s.Root.Path, "proc")))
			e.Must(os.Symlink("/vol", filepath.Join(s.Root.Path, "proc")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := e.in(t)
			for _, file := range fake {
				e.write(filepath.Join(e.volume, file), "untouched")
			}
			e.write(victim, "untouched")
			spec := e.spec("c2", "true")
			spec.Process.OOMScoreAdj = 7
			spec.Linux.Sysctl = map[string]string{"net.ipv4.ping_group_range": "0 1"}
			change(spec)
			_, err := e.attempt("c2", spec)
			t.Logf("answer: %v", err)
			for _, file := range append(fake, "../"+filepath.Base(e.volume)+"/victim") {
				if data, err := os.ReadFile(filepath.Join(e.volume, file)); err != nil || string(data) != "untouched" {
					t.Errorf("%s of the volume was written to: %q, %v", file, data, err)
				}
			}
		})
	}
}

// TestEscapeBySessionsProc is CVE-2025-52881 for sessions: a container with the right to mount puts a
// directory of its own in the place of /proc.
func TestEscapeBySessionsProc(t *testing.T) { inEachWay(t, escapeBySessionsProc) }

func escapeBySessionsProc(t *testing.T, o harness.Options) {
	t.Helper()
	e := newEscape(t, o)
	e.all = true
	spec := e.spec("c1", "sh", "-c", `mkdir -p /vol/fake/self/attr /vol/fake/thread-self/attr &&
for f in self/attr/exec self/attr/current self/oom_score_adj thread-self/attr/exec; do echo untouched >/vol/fake/$f; done
mount -o bind /vol/fake /proc && echo mounted && exec sleep 10000`)
	spec.Process.NoNewPrivileges = false
	e.Must(e.Create(e.Ctx, "c1", spec))
	e.Must(e.StartContainer(e.Ctx, "c1"))
	if out, err := e.ReadStdout(e.Ctx, "c1", "c1", 100); string(out) != "mounted\n" {
		t.Fatalf("%q, %v", out, err)
	}
	p := harness.Process("sh", "-c", "cat /vol/fake/*/attr/* /vol/fake/self/oom_score_adj")
	p.OOMScoreAdj = 7
	p.SelinuxLabel = "system_u:system_r:container_t:s0"
	e.dress(p)
	if err := e.Exec(e.Ctx, "c1", "labelled", p); err != nil {
		t.Logf("with a label: %v", err)
	} else {
		e.WantExit("c1", "labelled", 0)
	}
	p.SelinuxLabel = ""
	e.Must(e.Exec(e.Ctx, "c1", "scored", p))
	out, err := e.ReadAll(e.Ctx, "c1", "scored")
	if want := strings.Repeat("untouched\n", 4); string(out) != want || err != nil {
		t.Errorf("the container's files are %q, %v; want %q", out, err, want)
	}
}

// TestEscapeByTheMask is CVE-2025-31133: what is mounted over a masked path is not the null device
// but what the container has put there; and CVE-2025-52565: the same with its console.
func TestEscapeByTheMask(t *testing.T) { inEachWay(t, escapeByTheMask) }

func escapeByTheMask(t *testing.T, o harness.Options) {
	t.Helper()
	e := newEscape(t, o)
	const target = "/proc/version" // a file of procfs that nobody can harm
	dev := filepath.Join(e.volume, "dev")
	e.Must(os.MkdirAll(filepath.Join(dev, "pts"), 0o755))
	for _, link := range []string{"null", "console", "ptmx", "pts/ptmx", "pts/0", "tty"} {
		e.Must(os.Symlink(target, filepath.Join(dev, link)))
	}
	e.write(filepath.Join(dev, "file"), "")
	own := func(s *protocols.Spec) { s.Mounts[1] = bind(dev, "/dev"); s.Mounts[2] = bind(dev+"/pts", "/dev/pts") }
	e.Must(e.Create(e.Ctx, "c1", e.spec("c1", "sleep", "10000")))
	e.Must(e.StartContainer(e.Ctx, "c1"))
	for name, c := range map[string]struct {
		exchange bool
		change   func(*protocols.Spec)
	}{
		"null is a link":                 {false, func(s *protocols.Spec) { own(s); s.Linux.MaskedPaths = []string{"/proc/uptime", "/proc/fs"} }},
		"null becomes a link":            {true, func(s *protocols.Spec) { own(s); s.Linux.MaskedPaths = []string{"/proc/uptime", "/proc/fs"} }},
		"a console that is a link":       {false, func(s *protocols.Spec) { own(s); s.Process.Terminal = true }},
		"a terminal that becomes a link": {true, func(s *protocols.Spec) { own(s); s.Process.Terminal = true }},
		"a console that is a link, with terminals": {false, func(s *protocols.Spec) {
			s.Mounts[1], s.Process.Terminal = bind(dev, "/dev"), true
		}},
		"a read-only path by a link": {false, func(s *protocols.Spec) {
			s.Linux.ReadonlyPaths, s.Linux.MaskedPaths = []string{"/vol/dev/console"}, []string{"/vol/dev/null"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := e.in(t)
			tries := 1
			if c.exchange {
				tries = 8
				stop := e.intruder("c1", "exchange", "/vol/dev/null", "/vol/dev/file")
				defer stop()
			}
			for i := range tries {
				cid := fmt.Sprintf("c2-%d", i)
				spec := e.spec(cid, "cat", "/proc/self/mountinfo")
				c.change(spec)
				out, err := e.attempt(cid, spec)
				t.Logf("answer: %v", err)
				for line := range strings.Lines(out) {
					if f := strings.Fields(line); len(f) > 4 && f[3] == "/version" && f[4] != target {
						t.Errorf("%s of procfs is mounted at %s", target, f[4])
					}
				}
			}
		})
	}
}

// TestEscapeBySessionsTerminal is CVE-2025-52565 for sessions: /dev/pts is the container's.
func TestEscapeBySessionsTerminal(t *testing.T) { inEachWay(t, escapeBySessionsTerminal) }

func escapeBySessionsTerminal(t *testing.T, o harness.Options) {
	t.Helper()
	e := newEscape(t, o)
	pts := filepath.Join(e.volume, "pts")
	e.Must(os.MkdirAll(pts, 0o755))
	spec := e.spec("c1", "sleep", "10000")
	spec.Mounts[2] = bind(pts, "/dev/pts")
	e.Must(e.Create(e.Ctx, "c1", spec))
	e.Must(e.StartContainer(e.Ctx, "c1"))
	before := e.State()
	for i, target := range []string{"/dev/null", "/proc/version", "/dev/zero", "/vol/nothing"} {
		_ = os.Remove(filepath.Join(pts, "ptmx"))
		e.Must(os.Symlink(target, filepath.Join(pts, "ptmx")))
		p := harness.Process("true")
		p.Terminal = true
		if err := e.Exec(e.Ctx, "c1", fmt.Sprint("e", i), p); err == nil {
			t.Errorf("a terminal was opened, though ptmx leads to %s", target)
		}
	}
	if _, err := os.Lstat(filepath.Join(e.volume, "nothing")); err == nil {
		t.Error("a file was made by the link")
	}
	e.NothingLeft(t, before)
}
