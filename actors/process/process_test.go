// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// fixture is a process's actor on the test's goroutine, with a real process.
type fixture struct {
	*coretest.Actor
	t      *testing.T
	parent *coretest.Peer
	p      *process
	cmd    *exec.Cmd
	stdout *os.File // the process's end, which the test may write to
	held   bool     // exits leaves it open, as a descendant would
}

// newFixture runs args as the process. Its exit is told to the actor by exits.
func newFixture(t *testing.T, args ...string) *fixture {
	t.Helper()
	return newFixtureWith(t, passfd.Claimed{}, args...)
}

// newFixtureWith has streams of the process passed.
func newFixtureWith(t *testing.T, passed passfd.Claimed, args ...string) *fixture {
	t.Helper()
	poller, err := stdio.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { poller.Close() })
	pipes, _, err := stdio.OpenPipes(stdio.PipeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pipes.Child[0], pipes.Child[1], pipes.Child[2]
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := pidfd.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	pipes.Child[0].Close()
	pipes.Child[2].Close()
	streams, err := NewIO(poller, Streams{Pipes: pipes.Agent, Passed: passed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &fixture{t: t, cmd: cmd, stdout: pipes.Child[1]}
	s.p = &process{
		handle: &Handle{Key: Key{Container: "c1", Exec: "e"}, IO: streams},
		os:     runtime.NewProcess(cmd.Process.Pid, fd, nil), proc: "/proc",
	}
	s.Actor = coretest.NewAt(t, "sandbox/container/c1/process/e", s.p)
	s.p.handle.Ref = s.Ref()
	s.parent = s.Peer("sandbox/container/c1")
	s.p.parent = s.parent.Ref
	t.Cleanup(func() {
		streams.Close()
		s.stdout.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return s
}

// exits waits for the exit and tells the actor of it.
func (s *fixture) exits() {
	s.t.Helper()
	s.p.os.WaitGone()
	if !s.held {
		s.stdout.Close()
	}
	s.Tell(exitSeen{})
}

func (s *fixture) wait() *coretest.Reply[int] { return coretest.Ask(s.Actor, &Wait{}) }

func (s *fixture) status(r *coretest.Reply[int], want int) {
	s.t.Helper()
	if got, err := r.Get(); err != nil || got != want {
		s.t.Errorf("status %d, %v; want %d", got, err, want)
	}
}

func (s *fixture) unknown(r interface{ err() error }) {
	s.t.Helper()
	if err := r.err(); !errors.Is(err, ErrUnknown) {
		s.t.Errorf("%v, want %v", err, ErrUnknown)
	}
}

// reply reads only the error of an answer.
type reply[R any] struct{ *coretest.Reply[R] }

func (r reply[R]) err() error { _, err := r.Get(); return err }

func (s *fixture) signal(n unix.Signal) reply[struct{}] {
	return reply[struct{}]{coretest.Ask(s.Actor, &Signal{Number: n})}
}

// has checks what the container has been told since the last call.
func (s *fixture) has(words ...any) {
	s.t.Helper()
	got := s.parent.Told()
	if len(got) != len(words) {
		s.t.Errorf("the container was told %v, want %v", got, words)
		return
	}
	for i := range got {
		if got[i] != words[i] {
			s.t.Errorf("the container was told %v, want %v", got[i], words[i])
		}
	}
}

func TestAllWaitersGetTheStatus(t *testing.T) {
	s := newFixture(t, "sleep", "1000")
	first, second := s.wait(), s.wait()
	if first.Done() {
		t.Fatal("answered while the process runs")
	}
	if err := s.signal(unix.SIGTERM).err(); err != nil {
		t.Fatal(err)
	}
	s.exits()
	s.status(first, 143)
	s.status(second, 143)
	s.has(Exited{Handle: s.p.handle, Status: 143}, Waited{Handle: s.p.handle}, Gone{Handle: s.p.handle})
	if s.Alive() || !s.p.waited {
		t.Error("the actor lives on after the status was handed out")
	}
}

func TestStatusIsKeptForTheFirstWhoAsks(t *testing.T) {
	s := newFixture(t, "sh", "-c", "exit 7")
	s.exits()
	s.has(Exited{Handle: s.p.handle, Status: 7})
	if !s.Alive() {
		t.Fatal("nobody has waited, and the actor is gone")
	}
	s.status(s.wait(), 7)
	s.has(Waited{Handle: s.p.handle}, Gone{Handle: s.p.handle})
}

// TestWaiterThatHasGone does not use the status up.
func TestWaiterThatHasGone(t *testing.T) {
	s := newFixture(t, "sleep", "1000")
	gone := s.wait()
	if !gone.Cancel() {
		t.Fatal("answered already")
	}
	s.signal(unix.SIGKILL)
	s.exits()
	s.status(s.wait(), 137)
}

// TestStatusComesBack: an answer that could not be given does not use the status up, whether that is
// known at once or later. Somebody else who has got it is enough.
func TestStatusComesBack(t *testing.T) {
	for _, c := range []struct {
		name    string
		waiters int
		kept    bool
	}{{"at once", 1, false}, {"later", 1, true}, {"of all who waited", 2, true}} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t, "sh", "-c", "exit 7")
			for range c.waiters {
				core.AskFunc(s.Ref(), &Wait{}, func(int, error) {
					if c.kept {
						s.p.handle.Kept()
					} else {
						s.p.handle.Refused(nil)
					}
				})
			}
			s.exits()
			if !s.Alive() {
				t.Fatal("the actor ends with its status, whose answer nobody has got")
			}
			if c.kept {
				s.unknown(reply[int]{s.wait()})
				s.p.handle.Returned(0, nil)
				if c.waiters > 1 {
					s.unknown(reply[int]{s.wait()})
					s.p.handle.Returned(0, nil)
				}
			}
			s.status(s.wait(), 7)
		})
	}
	s := newFixture(t, "sh", "-c", "exit 7")
	core.AskFunc(s.Ref(), &Wait{}, func(int, error) { s.p.handle.Kept() })
	s.exits()
	s.p.handle.Sent(0)
	s.has(Exited{Handle: s.p.handle, Status: 7}, Waited{Handle: s.p.handle})
	s.lingered()
	s.has(Gone{Handle: s.p.handle})
}

// TestWaitersWithDeadlines, again and again, leave nothing behind.
func TestWaitersWithDeadlines(t *testing.T) {
	s := newFixture(t, "sleep", "1000")
	for range 1000 {
		s.wait().Cancel()
	}
	if n, most := s.p.waiters.Len(), 50; n > most {
		t.Errorf("%d waiters are kept, want at most %d", n, most)
	}
	s.signal(unix.SIGKILL)
	s.exits()
	s.status(s.wait(), 137)
}

func TestAfterTheWait(t *testing.T) {
	s := newFixture(t, "sh", "-c", "exit 0")
	s.held = true
	s.p.handle.IO.lastRead.Store(int64(time.Since(epoch)))
	if _, err := s.stdout.WriteString("unread"); err != nil { // as a descendant would
		t.Fatal(err)
	}
	s.exits()
	if err := s.signal(unix.SIGTERM).err(); err != nil {
		t.Errorf("signal to an exited process: %v", err)
	}
	s.status(s.wait(), 0)
	// Its output is unread: the actor stays, but the process is gone for the host.
	if !s.Alive() {
		t.Fatal("output that a reader has begun with was dropped")
	}
	s.unknown(reply[int]{s.wait()})
	s.unknown(s.signal(unix.SIGTERM))
	s.unknown(reply[struct{}]{coretest.Ask(s.Actor, &Resize{})})
	s.parent.Told()

	read := make(chan string, 1)
	s.p.handle.IO.ReadStdout(100, func(b []byte, _ error) { read <- string(b) })
	if got := <-read; got != "unread" {
		t.Errorf("read %q", got)
	}
	s.lingered()
	s.has(Gone{Handle: s.p.handle})
}

// TestUnreadOutputIsKeptForAWhile, and not for ever.
func TestUnreadOutputIsKeptForAWhile(t *testing.T) {
	s := newFixture(t, "sh", "-c", "echo unread")
	s.exits()
	s.status(s.wait(), 0)
	if !s.Alive() {
		t.Fatal("dropped at once")
	}
	s.Timers()[0].Fire()
	s.lingered()
	s.has(Exited{Handle: s.p.handle}, Waited{Handle: s.p.handle}, Gone{Handle: s.p.handle})
	s.ends()
}

// lingered lets the linger time be over.
func (s *fixture) lingered() {
	s.p.since = time.Now().Add(-lingerTime)
	s.p.handle.IO.lastRead.Store(int64(time.Since(epoch) - lingerTime))
	s.Timers()[0].Fire()
}

// ends waits for the end of the actor, which comes when the streams that are drained have
// ended.
func (s *fixture) ends() {
	s.t.Helper()
	guard.Until(s.t, "the streams to end, and the actor with them", func() bool { s.Run(); return !s.Alive() })
}

// TestDescendantWritesOn after the exit, the wait and the linger time: into the void, until
// it ends itself. One that writes much is not held up for a reader who was told the end.
func TestDescendantWritesOn(t *testing.T) {
	s := newFixture(t, "sh", "-c", "exit 0")
	s.held = true
	s.exits()
	end := make(chan error, 1)
	s.p.handle.IO.ReadStdout(100, func(_ []byte, err error) { end <- err })
	if err := <-end; !errors.Is(err, io.EOF) {
		t.Fatalf("a silent stream: %v, want the end", err)
	}
	s.status(s.wait(), 0)
	s.has(Exited{Handle: s.p.handle}, Waited{Handle: s.p.handle})
	if _, err := s.stdout.WriteString("late"); err != nil {
		t.Fatal(err)
	}
	s.Timers()[0].Fire()
	late := make(chan string, 1)
	s.p.handle.IO.ReadStdout(100, func(b []byte, _ error) { late <- string(b) })
	if got := <-late; got != "late" {
		t.Errorf("a late reader got %q", got)
	}

	wrote := make(chan error, 1)
	go func() { _, err := s.stdout.Write(make([]byte, 1<<20)); wrote <- err }()
	for s.p.drains == 0 && s.Alive() { // nobody reads: it is dropped from the moment it fills the pipe
		s.Timers()[0].Fire()
	}
	if err := <-wrote; err != nil {
		t.Errorf("the descendant's write: %v", err)
	}
	s.has(Gone{Handle: s.p.handle}) // no other stream is left
	s.stdout.Close()
	s.ends()
}

// TestSuperseded: the id is used again, and a descendant of the first process lives on.
func TestSuperseded(t *testing.T) {
	s := newFixture(t, "sh", "-c", "echo unread")
	s.held = true
	s.exits()
	s.status(s.wait(), 0)
	s.Tell(Supersede{})
	if _, err := s.stdout.Write(make([]byte, 1<<20)); err != nil {
		t.Errorf("the descendant's write: %v", err)
	}
	s.Timers()[0].Fire() // the look that was due
	s.stdout.Close()
	s.has(Exited{Handle: s.p.handle}, Waited{Handle: s.p.handle})
	s.ends()
}

func TestDiscard(t *testing.T) {
	s := newFixture(t, "sleep", "1000")
	waiter := s.wait()
	ended := make(chan error, 1)
	s.p.handle.IO.ReadStdout(1, func(_ []byte, err error) { ended <- err })
	s.Tell(Discard{})
	s.unknown(reply[int]{waiter})
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("the read under way: %v, want %v", err, io.EOF)
	}
	if err := s.cmd.Wait(); err == nil { // killed, and reaped by the actor or here
		t.Error("the process has not been killed")
	}
}

// TestTermKills is SIGTERM to an init that does not handle it.
func TestTermKills(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   int
	}{
		"not handled": {"echo; read x", 137},
		"handled":     {"trap 'exit 5' TERM; echo; while :; do sleep 0.01; done", 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t, "sh", "-c", c.script)
			ready := make(chan struct{})
			s.p.handle.IO.ReadStdout(1, func([]byte, error) { close(ready) })
			<-ready
			if _, err := coretest.Ask(s.Actor, &Signal{Number: unix.SIGTERM, TermKills: true}).Get(); err != nil {
				t.Fatal(err)
			}
			s.exits()
			s.status(s.wait(), c.want)
		})
	}
}

func TestResizeNeedsATerminal(t *testing.T) {
	s := newFixture(t, "sleep", "1000")
	if _, err := coretest.Ask(s.Actor, &Resize{Rows: 1, Columns: 1}).Get(); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("%v, want %v", err, ErrNoTerminal)
	}
}

func TestBadSignal(t *testing.T) {
	s := newFixture(t, "sleep", "1000")
	if err := s.signal(unix.Signal(100)).err(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("%v, want %v", err, unix.EINVAL)
	}
}

// TestHeldInit waits for its start: SIGTERM kills it, other signals do nothing.
func TestHeldInit(t *testing.T) {
	s := newFixture(t, "sh", "-c", "printf 'runc:[2:INIT]' > /proc/$$/comm; echo; read x")
	named := make(chan struct{})
	s.p.handle.IO.ReadStdout(1, func([]byte, error) { close(named) })
	<-named
	s.p.os = runtime.NewStagedProcess(s.p.os)
	s.p.held = true
	for _, sig := range []unix.Signal{0, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, 64} {
		if err := s.signal(sig).err(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
	}
	if _, err := coretest.Ask(s.Actor, &Signal{Number: unix.SIGTERM, TermKills: true}).Get(); err != nil {
		t.Fatal(err)
	}
	s.exits()
	s.status(s.wait(), 137)
}

// TestSignalWaitsForTheProgram of a process that has been let go.
func TestSignalWaitsForTheProgram(t *testing.T) {
	s := newFixture(t, "sh", "-c", "printf 'runc:[2:INIT]' > /proc/$$/comm; echo; read x; exec sleep 1000")
	named := make(chan struct{})
	s.p.handle.IO.ReadStdout(1, func([]byte, error) { close(named) })
	<-named
	s.p.os = runtime.NewStagedProcess(s.p.os)
	r := s.signal(unix.SIGTERM)
	s.Timers()[0].Fire()
	if r.Done() {
		t.Fatal("sent before the program runs")
	}
	s.p.handle.IO.WriteStdin([]byte("\n"), nil, func(error) {})
	for !r.Done() {
		time.Sleep(programLook) // clock: the pace of the timer that is fired
		s.Timers()[0].Fire()
	}
	s.exits()
	s.status(s.wait(), 143)
}
