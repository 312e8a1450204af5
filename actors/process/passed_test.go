// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/test/guard"
)

// connection returns the two sides of a socket: the host's, and the agent's.
func connection(t *testing.T) (net.Conn, *os.File) {
	t.Helper()
	fd, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd[0]), "host")
	host, err := net.FileConn(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	host.SetDeadline(time.Now().Add(guard.Hang))
	return host, os.NewFile(uintptr(fd[1]), "agent")
}

// fill writes to a socket until it takes no more, and returns how much that was.
func fill(t *testing.T, f *os.File) (total int) {
	t.Helper()
	for {
		n, err := unix.SendmsgN(int(f.Fd()), make([]byte, 4096), nil, nil, unix.MSG_DONTWAIT)
		if total += max(n, 0); err == unix.EAGAIN {
			return total
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// newPassingFixture is a fixture whose stdout is passed.
func newPassingFixture(t *testing.T, args ...string) (*fixture, net.Conn) {
	t.Helper()
	host, agent := connection(t)
	return newFixtureWith(t, passfd.Claimed{Stdout: agent}, args...), host
}

// TestExitWaitsForPassedOutput: the exit is told when what was written is on its way, and
// meanwhile the mailbox goes on.
func TestExitWaitsForPassedOutput(t *testing.T) {
	host, agent := connection(t)
	size := fill(t, agent) + 40<<10 // the rest is in the pipe when the process exits
	s := newFixtureWith(t, passfd.Claimed{Stdout: agent}, "head", "-c", "40960", "/dev/zero")
	w := s.wait()
	s.exits()
	s.has() // not told yet
	if err := s.signal(unix.SIGTERM).err(); err != nil {
		t.Errorf("signal: %v; want none: the process has exited", err)
	}
	if w.Done() {
		t.Error("the wait is answered before its output is on its way")
	}
	if got, err := io.ReadAll(io.LimitReader(host, int64(size))); err != nil || len(got) != size {
		t.Fatalf("the host reads %d bytes, %v; want %d", len(got), err, size)
	}
	guard.Until(t, "the wait is answered", func() bool { s.Run(); return w.Done() })
	s.status(w, 0)
}

// TestPassedOutputOutlivesTheWait: a descendant writes on to the host, and the actor ends after it.
func TestPassedOutputOutlivesTheWait(t *testing.T) {
	s, host := newPassingFixture(t, "true")
	s.held = true
	w := s.wait()
	s.exits()
	s.status(w, 0)
	if !s.Alive() {
		t.Fatal("the actor has ended while a stream is passed")
	}
	_, _ = s.stdout.WriteString("late")
	s.stdout.Close()
	if got, err := io.ReadAll(host); err != nil || string(got) != "late" {
		t.Errorf("the host reads %q, %v; want what was written late", got, err)
	}
	guard.Until(t, "the actor ends", func() bool { s.Run(); return !s.Alive() })
}

// TestDiscardTellsTheStatus: who waits for a process that has exited, but whose output the host
// does not read, is told its status when the container goes.
func TestDiscardTellsTheStatus(t *testing.T) {
	_, agent := connection(t)
	fill(t, agent)
	s := newFixtureWith(t, passfd.Claimed{Stdout: agent}, "head", "-c", "40960", "/dev/zero")
	w := s.wait()
	s.exits()
	s.Tell(Discard{})
	s.status(w, 0)
}

func TestPassedStreamsRefuseRequests(t *testing.T) {
	s, _ := newPassingFixture(t, "true")
	s.p.handle.IO.ReadStdout(10, func(_ []byte, err error) {
		if !errors.Is(err, ErrPassed) {
			t.Errorf("%v, want %v", err, ErrPassed)
		}
	})
	s.p.handle.IO.DropStdout(10, func(int) {}, func(_ []byte, err error) {
		if !errors.Is(err, io.EOF) {
			t.Errorf("dropping: %v, want the end: it is not to be noticed", err)
		}
	})
	s.exits()
}
