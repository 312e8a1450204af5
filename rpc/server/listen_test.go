// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBadAddresses(t *testing.T) {
	for _, addr := range []string{
		"", "unix://", "unix://@", "/run/agent.sock", "tcp://1.2.3.4:5", "vsock://", "vsock://-1", "vsock://-2:1024",
		"vsock://x:1024", "vsock://-1:port", "vsock://4294967296:1", "vsock://-1:4294967296", "vsock:-1:1024",
	} {
		l, err := Listen(addr)
		if err == nil {
			l.Close()
		}
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), fmt.Sprintf("%q", addr)) {
			t.Errorf("%q: %v, want %v and an error with %q", addr, err, ErrAddress, fmt.Sprintf("%q", addr))
		}
	}
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for range 2 { // closing removes the file
		l, err := Listen("unix://" + path)
		if err != nil {
			t.Fatal(err)
		}
		reachable(t, l, path)
		if _, err := Listen("unix://" + path); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
			t.Errorf("a live socket: %v, want %v", err, ErrInUse)
		}
		reachable(t, l, path)
		l.Close()
	}
}

func TestListenAbstract(t *testing.T) {
	for _, name := range []string{"@agent-test-%d", "@/agent-test-%d"} {
		name = fmt.Sprintf(name, os.Getpid())
		l, err := Listen("unix://" + name)
		if err != nil {
			t.Fatal(err)
		}
		reachable(t, l, name)
		if _, err := Listen("unix://" + name); !errors.Is(err, ErrInUse) {
			t.Errorf("a live socket: %v, want %v", err, ErrInUse)
		}
		l.Close()
	}
}

// TestStaleSocket replaces what a dead server has left, and nothing else.
func TestStaleSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	reachable(t, l, path)
	l.Close()

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("unix://" + file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("over a file: %v, want an error with %q", err, "no socket")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if _, err := Listen("unix://" + filepath.Join(dir, "none", "s")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no directory: %v, want %v", err, os.ErrNotExist)
	}
}

func TestListenVsock(t *testing.T) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Skip("no vsock in this kernel")
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	addr := fmt.Sprintf("vsock://-1:%d", 20000+os.Getpid()%40000)
	l, err := Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(addr); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), addr) {
		t.Errorf("a second time: %v, want %v", err, ErrInUse)
	}
	if _, err := Listen("vsock://77777:1"); err == nil || !strings.Contains(err.Error(), "vsock://77777:1") {
		t.Errorf("somebody else's CID: %v, want an error with %q", err, "vsock://77777:1")
	}
}

// reachable checks that the listener can be reached and is not passed on to child processes.
func reachable(t *testing.T, l net.Listener, name string) {
	t.Helper()
	nc, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, c := range []any{l, a} {
		raw, err := c.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) {
			if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("descriptor flags %#x (%v), want close-on-exec", flags, err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}
