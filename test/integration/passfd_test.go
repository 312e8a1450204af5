// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

func newPassingPod(t *testing.T) *pod {
	t.Helper()
	return newPod(t, harness.Options{Cmdline: harness.Passing})
}

// passed starts a session whose streams are all passed.
func (p *pod) passed(cid, exec string, args ...string) harness.Passed {
	p.T.Helper()
	return p.PassedSession(p.T, cid, exec, harness.Process(args...))
}

// wantAll reads a stream to its end.
func wantAll(t *testing.T, what string, conn net.Conn, want string) {
	t.Helper()
	if got, err := io.ReadAll(conn); err != nil || string(got) != want {
		t.Errorf("%s is %q, %v; want %q and the end", what, got, err, want)
	}
}

// TestPassedStreams passes the streams of init and of sessions.
func TestPassedStreams(t *testing.T) {
	p := newPassingPod(t)
	stdin, in := p.Pass(t)
	stdout, out := p.Pass(t)
	stderr, e := p.Pass(t)
	p.Must(p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: "c1", OCI: p.Spec("c1", p.Rootfs, "sh", "-c", "echo oops >&2; cat; exec >&- 2>&-; sleep 10000"),
		StdinPort: in, StdoutPort: out, StderrPort: e,
	}))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	_, _ = io.WriteString(stdin, "to init")
	stdin.CloseWrite()
	wantAll(t, "stdout of init", stdout, "to init")
	wantAll(t, "stderr of init", stderr, "oops\n")

	s := p.passed("c1", "s", "sh", "-c", "cat; echo end >&2; exit 3")
	want := bytes.Repeat([]byte("0123456789abcdef"), 100000)
	go func() { _, _ = s.Stdin.Write(want); s.Stdin.CloseWrite() }()
	wantAll(t, "stdout of the session", s.Stdout, string(want))
	wantAll(t, "stderr of the session", s.Stderr, "end\n")
	p.WantExit("c1", "s", 3)
	p.Delete("c1")
	p.Settled()
}

// TestPassedTerminal has one stream for both outputs; the window is resized by request.
func TestPassedTerminal(t *testing.T) {
	p := newPassingPod(t)
	p.Idle("c1")
	process := harness.Process("sh", "-c", "stty -echo; echo ready; read a; stty size; echo got $a >&2; exit 4")
	process.Terminal = true
	s := p.PassedSession(t, "c1", "tty", process)
	ready := make([]byte, len("ready\r\n"))
	if _, err := io.ReadFull(s.Stdout, ready); err != nil {
		t.Fatal(err)
	}
	p.Must(p.resize("c1", "tty", 12, 34))
	_, _ = io.WriteString(s.Stdin, "typed\n")
	wantAll(t, "the terminal's output", s.Stdout, "12 34\r\ngot typed\r\n")
	p.WantExit("c1", "tty", 4)
}

// TestPassedStreamsAreNotForRequests: a read would wait for ever; streams that are not passed
// are read and written as always.
func TestPassedStreamsAreNotForRequests(t *testing.T) {
	p := newPassingPod(t)
	p.Idle("c1")
	p.passed("c1", "all", "sleep", "10000")
	_, err := p.ReadStdout(p.Ctx, "c1", "all", 100)
	harness.Refused(t, err, codes.FailedPrecondition, `"c1"`, "stdout is passed to a port of the host")
	_, err = p.ReadStderr(p.Ctx, "c1", "all", 100)
	harness.Refused(t, err, codes.FailedPrecondition, `"c1"`, "stderr is passed to a port of the host")
	_, err = p.WriteStdin(p.Ctx, "c1", "all", []byte("x"))
	harness.Refused(t, err, codes.FailedPrecondition, `"c1"`, "stdin is passed to a port of the host")

	stdout, port := p.Pass(t)
	p.Must(p.Do(p.Ctx, "ExecProcess", &protocols.ExecProcessRequest{
		ContainerId: "c1", ExecId: "one", Process: harness.Process("sh", "-c", "cat; echo err >&2"), StdoutPort: port,
	}))
	p.write("c1", "one", "by request")
	p.Must(p.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: "c1", ExecId: "one"}))
	wantAll(t, "stdout", stdout, "by request")
	if b, err := p.ReadStderr(p.Ctx, "c1", "one", 100); err != nil || string(b) != "err\n" {
		t.Errorf("stderr by request: %q, %v; want what was written", b, err)
	}
	p.WantExit("c1", "one", 0)
}

// TestPassedCloseStdin: hosts send it for passed streams too.
func TestPassedCloseStdin(t *testing.T) {
	p := newPassingPod(t)
	p.Idle("c1")
	s := p.passed("c1", "s", "cat")
	_, _ = io.WriteString(s.Stdin, "before")
	for range 2 {
		p.Must(p.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: "c1", ExecId: "s"}))
	}
	wantAll(t, "stdout", s.Stdout, "before")
	p.WantExit("c1", "s", 0)
}

// TestPassedOutputComesBeforeTheExit: when the wait is answered, the output is in the socket,
// though a descendant holds the stream and goes on to write.
func TestPassedOutputComesBeforeTheExit(t *testing.T) {
	p := newPassingPod(t)
	p.Idle("c1")
	for i := range 30 {
		exec, want := fmt.Sprint("s", i), strings.Repeat(fmt.Sprintf("line %d\n", i), 1000)
		s := p.passed("c1", exec, "sh", "-c", "sleep 10000 & yes 'line "+fmt.Sprint(i)+"' | head -n 1000; exit 7")
		p.WantExit("c1", exec, 7)
		got := make([]byte, 2*len(want))
		n, err := readNow(s.Stdout, got)
		if err != nil || string(got[:n]) != want {
			t.Fatalf("when the wait is answered the host has %d bytes, %v; want all %d", n, err, len(want))
		}
	}
	p.Delete("c1")
	p.Settled()
}

// readNow reads what is there and does not wait.
func readNow(conn *net.UnixConn, b []byte) (total int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	_ = raw.Control(func(fd uintptr) {
		for {
			n, e := syscall.Read(int(fd), b[total:])
			if total += max(n, 0); n <= 0 {
				if e != syscall.EAGAIN {
					err = e
				}
				return
			}
		}
	})
	return total, err
}

// TestPassedDescendantWritesOn: the exit is told at the exit, and what a descendant writes later
// reaches the host.
func TestPassedDescendantWritesOn(t *testing.T) {
	p := newPassingPod(t)
	p.Idle("c1")
	s := p.passed("c1", "s", "sh", "-c", "(until test -e /tmp/go; do sleep 0.01; done; echo late) & echo early; exit 6")
	p.WantExit("c1", "s", 6)
	p.Output("c1", "go", "touch", "/tmp/go")
	wantAll(t, "stdout", s.Stdout, "early\nlate\n")
}

// TestHostDoesNotReadPassedStream: it holds up the end of that process and nothing else.
func TestHostDoesNotReadPassedStream(t *testing.T) {
	p := newPassingPod(t)
	p.Idle("c1")
	const size = 300 << 10 // more than the socket takes
	s := p.passed("c1", "unread", "sh", "-c", "head -c 307200 /dev/zero; exit 5")
	type exit struct {
		status int32
		err    error
	}
	exited := make(chan exit, 1)
	go func() {
		status, err := p.Wait(p.Ctx, "c1", "unread")
		exited <- exit{status, err}
	}()
	for i := range 20 {
		other := p.passed("c1", fmt.Sprint("other", i), "echo", "hello")
		wantAll(t, "another's stdout", other.Stdout, "hello\n")
		p.WantExit("c1", fmt.Sprint("other", i), 0)
	}
	if len(exited) > 0 {
		t.Errorf("the exit was told while %d bytes wait for the host to read, want it after them", size)
	}
	got, err := io.ReadAll(s.Stdout)
	if err != nil || len(got) != size {
		t.Errorf("stdout has %d bytes, %v; want %d", len(got), err, size)
	}
	if e := guard.Receive(t, "the exit is told", exited); e.status != 5 || e.err != nil {
		t.Errorf("status %d, %v; want 5", e.status, e.err)
	}

	// A removal does not wait for the host, and who waits is told the status.
	p.passed("c1", "never", "sh", "-c", "head -c 300000 /dev/zero; exit 8")
	go func() {
		status, err := p.Wait(p.Ctx, "c1", "never")
		exited <- exit{status, err}
	}()
	p.Delete("c1")
	guard.Receive(t, "the wait ends with the container", exited)
	p.Settled()
}

// TestHostClosesPassedStream: to the process it is a reader that has gone.
func TestHostClosesPassedStream(t *testing.T) {
	p := newPassingPod(t)
	p.Idle("c1")
	s := p.passed("c1", "s", "yes")
	if _, err := io.ReadFull(s.Stdout, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	s.Stdout.Close()
	p.WantExit("c1", "s", 128+int32(syscall.SIGPIPE))

	s = p.passed("c1", "in", "sh", "-c", "exec <&-; echo closed; sleep 10000")
	if _, err := io.ReadFull(s.Stdout, make([]byte, len("closed\n"))); err != nil {
		t.Fatal(err)
	}
	guard.Until(t, "the host is told that nobody reads stdin", func() bool {
		_, err := s.Stdin.Write([]byte("x"))
		return err != nil
	})
}

// TestPassedPortsThatDoNotCome: the process runs, the log says why a stream is not passed, and
// requests read it.
func TestPassedPortsThatDoNotCome(t *testing.T) {
	for name, o := range map[string]harness.Options{
		"no connection": {Cmdline: harness.Passing},
		"no listener":   {},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, o)
			p.Idle("c1")
			p.Must(p.Do(p.Ctx, "ExecProcess", &protocols.ExecProcessRequest{
				ContainerId: "c1", ExecId: "s", Process: harness.Process("echo", "hello"), StdoutPort: 12345,
			}))
			if out, err := p.ReadAll(p.Ctx, "c1", "s"); err != nil || string(out) != "hello\n" {
				t.Errorf("by request: %q, %v; want the output", out, err)
			}
			p.WantExit("c1", "s", 0)
			words := "port 12345"
			if o.Cmdline == "" {
				words = "agent.passfd_listener_port is not set"
			}
			guard.Until(t, "the log has "+words, func() bool { return strings.Contains(p.Log(), words) })
		})
	}
}

// TestPassedStreamsOfAFailedStart are closed.
func TestPassedStreamsOfAFailedStart(t *testing.T) {
	p := newPassingPod(t)
	p.Idle("c1")
	stdout, port := p.Pass(t)
	err := p.Do(p.Ctx, "ExecProcess", &protocols.ExecProcessRequest{
		ContainerId: "c1", ExecId: "s", Process: harness.Process("/no/such/program"), StdoutPort: port,
	})
	harness.Refused(t, err, codes.Internal, "/no/such/program")
	wantAll(t, "stdout", stdout, "")

	stdout, port = p.Pass(t)
	err = p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: "c2", OCI: p.Spec("c2", p.Rootfs, "/no/such/program"), StdoutPort: port,
	})
	harness.Refused(t, err, codes.Internal, "/no/such/program")
	wantAll(t, "stdout", stdout, "")
	p.Delete("c1")
	p.Settled()
}

// TestManyPassedSessions start at once, each with its own streams.
func TestManyPassedSessions(t *testing.T) {
	const sessions = 100
	p := newPassingPod(t)
	before := p.Warm()
	p.Idle("c1")
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			exec := fmt.Sprint("s", i)
			s := p.passed("c1", exec, "cat")
			_, _ = io.WriteString(s.Stdin, exec)
			s.Stdin.CloseWrite()
			wantAll(t, "stdout of "+exec, s.Stdout, exec)
			p.WantExit("c1", exec, 0)
		})
	}
	all.Wait()
	p.Delete("c1")
	p.Settled()
	p.NothingLeft(t, before)
}
