// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// terminal starts a session with a terminal.
func (p *pod) terminal(cid, exec string, args ...string) {
	p.T.Helper()
	s := harness.Process(args...)
	s.Terminal = true
	p.Must(p.Exec(p.Ctx, cid, exec, s))
}

func (p *pod) resize(cid, exec string, rows, columns uint32) error {
	return p.Do(p.Ctx, "TtyWinResize", &protocols.TtyWinResizeRequest{ContainerId: cid, ExecId: exec, Row: rows, Column: columns})
}

func (p *pod) write(cid, exec, data string) {
	p.T.Helper()
	if n, err := p.WriteStdin(p.Ctx, cid, exec, []byte(data)); err != nil || int(n) != len(data) {
		p.T.Fatalf("write to %s/%s: %d, %v", cid, exec, n, err)
	}
}

// readUntil reads stdout until it has the words.
func (p *pod) readUntil(cid, exec, words string) string {
	p.T.Helper()
	var out string
	for !strings.Contains(out, words) {
		b, err := p.ReadStdout(p.Ctx, cid, exec, 4096)
		if err != nil || len(b) == 0 {
			p.T.Fatalf("the output of %s/%s ends with %q, %v; want %q", cid, exec, out, err, words)
		}
		out += string(b)
	}
	return out
}

func TestTerminalSize(t *testing.T) {
	p := newPod(t, harness.Options{})
	spec := p.Spec("c1", p.Rootfs, "sh", "-c", "trap 'stty size' WINCH; stty size; while :; do sleep 0.01; done")
	spec.Process.Terminal = true
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.resize("c1", "c1", 11, 22)) // before the start
	p.Must(p.StartContainer(p.Ctx, "c1"))
	p.readUntil("c1", "", "11 22\r\n")
	p.Must(p.resize("c1", "", 33, 44))
	p.readUntil("c1", "", "33 44\r\n")
	p.Must(p.resize("c1", "", 1<<20, 1<<20)) // the kernel's numbers have 16 bits

	p.Session("c1", "pipes", "sleep", "10000")
	harness.Refused(t, p.resize("c1", "pipes", 1, 1), codes.Unavailable, "no tty", `"pipes"`)

	// An exited process is still there until it has been waited for.
	p.terminal("c1", "exited", "true")
	if _, err := p.ReadAll(p.Ctx, "c1", "exited"); err != nil {
		t.Error(err)
	}
	p.Must(p.resize("c1", "exited", 5, 5))
	p.WantExit("c1", "exited", 0)
	harness.Refused(t, p.resize("c1", "exited", 5, 5), codes.NotFound, `"exited"`)
}

// TestCloseStdinKeepsTheTerminal: the Go host sends CloseStdin for terminals too.
func TestCloseStdinKeepsTheTerminal(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.terminal("c1", "e", "sh", "-c", "read a; echo got $a; read b; echo got $b; exit 5")
	p.write("c1", "e", "one\n")
	p.readUntil("c1", "e", "got one")
	for range 2 {
		p.Must(p.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: "c1", ExecId: "e"}))
	}
	if n, err := p.WriteStdin(p.Ctx, "c1", "e", nil); err != nil || n != 0 { // zero length: the same
		t.Errorf("%d, %v, want %v", n, err, 0)
	}
	p.Must(p.resize("c1", "e", 10, 10))
	p.write("c1", "e", "two\n")
	p.readUntil("c1", "e", "got two")
	p.WantExit("c1", "e", 5)
}

// TestTerminalControl: what the host types in a terminal reaches the program as signals
// and as the end of input.
func TestTerminalControl(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.terminal("c1", "interrupt", "sh", "-c", "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.01; done")
	p.readUntil("c1", "interrupt", "ready")
	p.write("c1", "interrupt", "\x03")
	p.readUntil("c1", "interrupt", "interrupted")
	p.WantExit("c1", "interrupt", 7)

	p.terminal("c1", "end", "cat")
	p.write("c1", "end", "line\n\x04")
	p.readUntil("c1", "end", "line\r\nline\r\n")
	p.WantExit("c1", "end", 0)

	// A shell with job control owns its terminal.
	p.terminal("c1", "shell", "sh")
	p.write("c1", "shell", "sleep 10000 &\njobs; tty; exit 3\n")
	if out := p.readUntil("c1", "shell", "/dev/"); strings.Contains(out, "job control turned off") {
		t.Errorf("%q", out)
	}
	p.WantExit("c1", "shell", 3)
}

// TestHalfClose: input ends, output goes on.
func TestHalfClose(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	for name, end := range map[string]func(exec string) error{
		"CloseStdin": func(exec string) error {
			return p.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: "c1", ExecId: exec})
		},
		"zero length": func(exec string) error { _, err := p.WriteStdin(p.Ctx, "c1", exec, nil); return err },
	} {
		t.Run(name, func(t *testing.T) {
			p := p.in(t)
			p.Session("c1", name, "sh", "-c", "cat; echo end")
			p.write("c1", name, "first")
			p.readUntil("c1", name, "first")
			p.write("c1", name, "second")
			p.Must(end(name))
			if out, err := p.ReadAll(p.Ctx, "c1", name); err != nil || string(out) != "secondend\n" {
				t.Errorf("%q, %v, want %q", out, err, "secondend\n")
			}
			p.WantExit("c1", name, 0)
		})
	}
}

// TestWriteWaitsForItsReader: a process that does not read holds up its own writer only,
// and an end of input comes after what was written.
func TestWriteWaitsForItsReader(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "deaf", "sh", "-c", "head -c 1 >/dev/null; exit 3")
	data := bytes.Repeat([]byte("0123456789abcdef"), 20000)
	done := make(chan error, 1)
	go func() {
		n, err := p.WriteStdin(p.Ctx, "c1", "deaf", data)
		if err == nil && int(n) != len(data) {
			err = fmt.Errorf("%d of %d bytes", n, len(data))
		}
		done <- err
	}()
	err := guard.Receive(t, "the write ends with the process", done)
	harness.Refused(t, err, codes.Internal, "stdin", `"c1"`, "broken pipe")
	p.WantExit("c1", "deaf", 3)

	p.Session("c1", "sleepy", "sh", "-c", "while ! test -e /tmp/read; do sleep 0.01; done; wc -c")
	written := make(chan error, 2)
	go func() {
		_, err := p.WriteStdin(p.Ctx, "c1", "sleepy", data)
		written <- err
	}()
	for i := range 10 {
		p.Output("c1", fmt.Sprint("other", i), "true")
	}
	if len(written) > 0 {
		t.Error("the write has ended before its reader has read")
	}
	p.Output("c1", "release", "touch", "/tmp/read")
	if err := <-written; err != nil {
		t.Error(err)
	}
	p.Must(p.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: "c1", ExecId: "sleepy"}))
	if out, err := p.ReadAll(p.Ctx, "c1", "sleepy"); err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(len(data)) {
		t.Errorf("%q, %v", out, err)
	}
	p.WantExit("c1", "sleepy", 0)
}

// TestExitIsNotHeldUp: a descendant that keeps the output open holds up neither the wait
// nor, for long, the end of the stream; what it writes in time is delivered.
func TestExitIsNotHeldUp(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "e", "sh", "-c", "(while kill -0 $$; do :; done 2>/dev/null; echo late; touch /dev/shm/late; sleep 10000) & echo early; exit 6")
	p.WantExit("c1", "e", 6) // nobody has read yet
	p.Output("c1", "look", "sh", "-c", "until [ -e /dev/shm/late ]; do sleep 0.01; done")
	if out, err := p.ReadAll(p.Ctx, "c1", "e"); err != nil || string(out) != "early\nlate\n" {
		t.Errorf("%q, %v, want %q", out, err, "early\nlate\n")
	}

	p.Session("c1", "quiet", "sh", "-c", "sleep 10000 & exit 0")
	if out, err := p.ReadAll(p.Ctx, "c1", "quiet"); err != nil || len(out) > 0 {
		t.Errorf("%q, %v", out, err)
	}
	p.WantExit("c1", "quiet", 0)
}

// TestUnreadOutputHoldsUpNobody: a host that does not read stops that process only.
func TestUnreadOutputHoldsUpNobody(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	for i := range 10 {
		p.Session("c1", fmt.Sprint("chatty", i), "sh", "-c", "yes")
	}
	for i := range 20 {
		if out := p.Output("c1", fmt.Sprint("e", i), "echo", "x"); out != "x\n" {
			t.Errorf("%q", out)
		}
	}
	for i := range 10 {
		exec := fmt.Sprint("chatty", i)
		p.Must(p.Signal(p.Ctx, "c1", exec, 9))
		p.WantExit("c1", exec, 137)
	}
}

// TestStandardDescriptors: a process has three, which it can open again by name, and none
// of the agent's.
func TestStandardDescriptors(t *testing.T) {
	p := newPod(t, harness.Options{})
	spec := p.Spec("c1", p.Rootfs, "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; echo again > /dev/stdout; sleep 10000")
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	// The fourth is the directory that ls reads.
	if out := p.readUntil("c1", "", "again\n"); out != "0 1 2 3 again\n" {
		t.Errorf("init: %q", out)
	}
	if out := p.Output("c1", "e", "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; echo again > /dev/stdout"); out != "0 1 2 3 again\n" {
		t.Errorf("session: %q", out)
	}
	p.terminal("c1", "tty", "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; echo again > /dev/tty")
	if out := p.readUntil("c1", "tty", "again"); !strings.HasPrefix(out, "0 1 2 3 again") {
		t.Errorf("terminal: %q", out)
	}
	p.WantExit("c1", "tty", 0)
}

// TestZeroLengthRead consumes nothing.
func TestZeroLengthRead(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "e", "echo", "x")
	if out, err := p.ReadStdout(p.Ctx, "c1", "e", 0); err != nil || len(out) > 0 {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := p.ReadAll(p.Ctx, "c1", "e"); err != nil || string(out) != "x\n" {
		t.Errorf("%q, %v, want %q", out, err, "x\n")
	}
	// A read that asks for more than a frame holds gets what is there.
	p.Session("c1", "large", "sh", "-c", "echo y; sleep 10000")
	if out, err := p.ReadStdout(p.Ctx, "c1", "large", 1<<31); err != nil || string(out) != "y\n" {
		t.Errorf("%q, %v, want %q", out, err, "y\n")
	}
}
