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

// TestUnixSocketIsNotForContainers: a container shares the pod's network namespace, and so the names
// of abstract sockets.
func TestUnixSocketIsNotForContainers(t *testing.T) {
	name := fmt.Sprintf("@kata-agent-test-%d", os.Getpid())
	e := newEscape(t, harness.Options{Address: "unix://" + name, Cmdline: harness.Passing})
	for _, e.all = range []bool{false, true} {
		e.Must(e.Create(e.Ctx, "c1", e.spec("c1", "sleep", "10000")))
		e.Must(e.StartContainer(e.Ctx, "c1"))
		for i, socket := range []string{name, fmt.Sprintf("%s_%d", name, harness.PassedPort)} {
			out := e.Output("c1", fmt.Sprint("e", i), "/bin/intruder", "connect", socket)
			if out != "connected\ntried\n" {
				t.Errorf("%s: %q, want a connection that is closed without a word", socket, out)
			}
		}
		e.Delete("c1")
	}
	e.Must(e.Check(e.Ctx))
	e.UntilLogged(2, "connection refused") // one for each socket
}

// raceExit spares an agent with the race detector the second that it waits at its end.
const raceExit = "GORACE=atexit_sleep_ms=0"

// TestEscapeByTheBinary is CVE-2019-5736: a container gets hold of the runtime's binary through a
// process that is being born in it, and writes to it. Here the attacker sees every birth in the pod:
// of containers and of sessions.
func TestEscapeByTheBinary(t *testing.T) { inEachWay(t, escapeByTheBinary) }

func escapeByTheBinary(t *testing.T, o harness.Options) {
	t.Helper()
	e := newEscape(t, o)
	e.write(filepath.Join(e.Rootfs, "script"), "#!/proc/self/exe\n")
	e.Must(os.Symlink("/proc/self/exe", filepath.Join(e.Rootfs, "link")))
	before := digest(t, e.Path("/proc/self/exe"))
	for _, e.all = range []bool{false, true} {
		e.Must(e.Create(e.Ctx, "c1", e.spec("c1", "sleep", "10000")))
		e.Must(e.StartContainer(e.Ctx, "c1"))
		stop := e.intruder("c1", "hunt")
		for i, program := range []string{"/proc/self/exe", "/link", "/script", "/bin/true", "/bin/false"} {
			cid := fmt.Sprintf("c2-%d", i)
			spec := e.spec(cid, program, "--version")
			spec.Process.Env = append(spec.Process.Env, raceExit)
			_, _ = e.attempt(cid, spec)
			for j := range 2 {
				p := harness.Process(program, "--version")
				p.Env = append(p.Env, raceExit)
				e.dress(p)
				exec := fmt.Sprintf("e-%d-%d", i, j)
				if err := e.Exec(e.Ctx, "c1", exec, p); err == nil {
					_, err = e.Wait(e.Ctx, "c1", exec)
					e.Must(err)
				}
			}
		}
		out := stop()
		if !strings.Contains(out, "seen\n") {
			t.Errorf("the intruder has seen no process being born: %q", out)
		}
		for line := range strings.Lines(out) {
			// With CAP_SYS_PTRACE it may read what it likes, and still not write.
			if strings.HasPrefix(line, "REACHED") && (!e.all || strings.Contains(line, "writing") || strings.Contains(line, "mount")) {
				t.Errorf("every capability %t: %s", e.all, line)
			}
		}
		if e.all && !strings.Contains(out, "REACHED") {
			t.Errorf("the hunt does not work at all: %q", out)
		}
		e.Delete("c1")
	}
	if digest(t, e.Path("/proc/self/exe")) != before {
		t.Error("the agent's binary has changed")
	}
}

// TestEscapeByTheDirectory is CVE-2024-21626: the working directory, or the program, is a path by a
// descriptor that the runtime has left open.
func TestEscapeByTheDirectory(t *testing.T) { inEachWay(t, escapeByTheDirectory) }

func escapeByTheDirectory(t *testing.T, o harness.Options) {
	t.Helper()
	e := newEscape(t, o)
	e.write(filepath.Join(e.Rootfs, "climb"), "#!/bin/sh\n"+e.climb())
	e.Must(os.Symlink("/proc/self/fd/7", filepath.Join(e.Rootfs, "cwd")))
	busybox, err := os.ReadFile("/bin/busybox")
	e.Must(err)
	e.write(filepath.Join(filepath.Dir(e.guest), "cat"), string(busybox)) // a program of the guest
	e.Must(e.Create(e.Ctx, "c1", e.spec("c1", "sleep", "10000")))
	e.Must(e.StartContainer(e.Ctx, "c1"))
	try := func(name string, change func(*protocols.Process)) {
		t.Helper()
		spec := e.spec("c2", "/climb")
		change(spec.Process)
		out, _ := e.attempt("c2", spec)
		e.wantNoSecret("a container with "+name, out)
		p := harness.Process("/climb")
		e.dress(p)
		change(p)
		if err := e.Exec(e.Ctx, "c1", name, p); err == nil {
			out, err := e.ReadAll(e.Ctx, "c1", name)
			e.Must(err)
			e.wantNoSecret("a session with "+name, string(out))
		}
	}
	for fd := range 14 {
		dir := fmt.Sprintf("/proc/self/fd/%d", fd)
		try(dir, func(p *protocols.Process) { p.Cwd = dir })
		try("program of "+dir, func(p *protocols.Process) {
			p.Args = []string{dir + "/../../../../../.." + filepath.Dir(e.guest) + "/cat", e.guest + "/secret"}
		})
	}
	for _, dir := range []string{"/cwd", "/proc/self/fd/7/../../..", "/proc/thread-self/fd/8", "/proc/1/cwd", "/proc/1/root/../.."} {
		try(dir, func(p *protocols.Process) { p.Cwd = dir })
	}
}

// TestNoInheritableCapabilities is CVE-2022-29162: what a process could hand on to any program with
// file capabilities.
func TestNoInheritableCapabilities(t *testing.T) { inEachWay(t, noInheritableCapabilities) }

func noInheritableCapabilities(t *testing.T, o harness.Options) {
	t.Helper()
	e := newEscape(t, o)
	const script = "grep CapInh /proc/self/status; grep CapAmb /proc/self/status"
	const want = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n"
	for _, e.all = range []bool{false, true} {
		out, err := e.attempt("c1", e.spec("c1", "sh", "-c", script))
		if out != want || err != nil {
			t.Errorf("container: %q, %v; want %q", out, err, want)
		}
		e.Must(e.Create(e.Ctx, "c1", e.spec("c1", "sleep", "10000")))
		p := harness.Process("sh", "-c", script)
		e.dress(p)
		e.Must(e.Exec(e.Ctx, "c1", "e", p))
		session, err := e.ReadAll(e.Ctx, "c1", "e")
		if string(session) != want || err != nil {
			t.Errorf("session: %q, %v; want %q", session, err, want)
		}
		e.Delete("c1")
	}
}
