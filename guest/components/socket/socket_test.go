// SPDX-License-Identifier: Apache-2.0

package socket_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/components/socket"
	"github.com/kata-containers/kata-agent/test/guard"
)

// listen makes a socket whose file stays.
func listen(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	t.Cleanup(func() { l.Close() })
	return l
}

// TestAwait: a socket that is there, one that comes, and other files that come before it.
func TestAwait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	got := make(chan error, 1)
	await := func() { got <- socket.Await(guard.Context(t), path) }
	go await()
	if err := os.WriteFile(path+"x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	guard.Silent(t, "a socket that is not there", got)
	listen(t, path)
	if err := guard.Receive(t, "the socket", got); err != nil {
		t.Error(err)
	}
	if await(); <-got != nil || !socket.Present(path) {
		t.Error("the socket is there, want that it is seen")
	}
	if err := socket.Await(guard.Context(t), "/no/such/directory/s"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v, want %v", err, fs.ErrNotExist)
	}
}

// TestEndOfTheContext: each wait ends with its context, by its cause.
func TestEndOfTheContext(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	listen(t, stale).Close()
	cause := errors.New("enough")
	for name, wait := range map[string]func(context.Context) error{
		"await":                func(ctx context.Context) error { return socket.Await(ctx, filepath.Join(dir, "none")) },
		"dial, no socket":      func(ctx context.Context) error { _, err := socket.Dial(ctx, filepath.Join(dir, "none")); return err },
		"dial, nobody listens": func(ctx context.Context) error { _, err := socket.Dial(ctx, stale); return err },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		got := make(chan error, 1)
		go func() { got <- wait(ctx) }()
		guard.Silent(t, name, got)
		cancel(cause)
		if err := guard.Receive(t, name+": the end", got); !errors.Is(err, cause) {
			t.Errorf("%s: got %v, want %v", name, err, cause)
		}
	}
}

// passed is a context whose deadline has passed, of which it does not know yet.
type passed struct{ context.Context }

func (passed) Deadline() (time.Time, bool) { return time.Unix(1, 0), true }

// TestDeadlineBeforeItsContext: what notices the deadline first is not what is told.
func TestDeadlineBeforeItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listen(t, path)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	got := make(chan error, 1)
	go func() {
		_, err := socket.Dial(passed{ctx}, path)
		got <- err
	}()
	guard.Silent(t, "an error before the context has ended", got)
	cancel(cause)
	if err := guard.Receive(t, "the end", got); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}

// TestDial: it connects when somebody listens, whatever was there before.
func TestDial(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	got := make(chan error, 1)
	dial := func() {
		conn, err := socket.Dial(guard.Context(t), path)
		if err == nil {
			conn.Close()
		}
		got <- err
	}
	go dial()
	guard.Silent(t, "a connection to nothing", got)
	l := listen(t, path)
	if err := guard.Receive(t, "the connection", got); err != nil {
		t.Error(err)
	}
	l.Close() // the file stays
	go dial()
	guard.Silent(t, "a connection to nobody", got)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listen(t, path)
	if err := guard.Receive(t, "the connection to the next one", got); err != nil {
		t.Error(err)
	}
}

// TestBoundAndNotListening: nothing tells when the owner of a socket begins to listen.
func TestBoundAndNotListening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		conn, err := socket.Dial(guard.Context(t), path)
		if err == nil {
			conn.Close()
		}
		got <- err
	}()
	guard.Silent(t, "a connection before it listens", got)
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	if err := guard.Receive(t, "the connection", got); err != nil {
		t.Error(err)
	}
}
