// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/guard"
)

// pair returns a socket and the descriptor of whoever sends to it.
func pair(t *testing.T) (*Socket, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSocket(fds[0], func(unix.Sockaddr) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); unix.Close(fds[1]) })
	return s, fds[1]
}

func TestBurst(t *testing.T) {
	const burst = 1000
	s, fd := pair(t)
	sent := make(chan error, 1)
	go func() {
		for i := range burst {
			data := datagram("add@/devices/x", "ACTION=add", fmt.Sprintf("DEVPATH=/devices/%d", i), fmt.Sprintf("SEQNUM=%d", i))
			if err := unix.Sendto(fd, data, 0, nil); err != nil {
				sent <- err
				return
			}
			if i%10 == 0 { // passed over
				_ = unix.Sendto(fd, []byte("nonsense"), 0, nil)
				_ = unix.Sendto(fd, make([]byte, maxDatagram+1), 0, nil)
			}
		}
		sent <- nil
	}()
	for i := range burst {
		e, err := s.Read()
		if err != nil || e.SeqNum != uint64(i) || e.DevPath != fmt.Sprintf("/devices/%d", i) {
			t.Fatalf("event %d: got %+v, %v", i, e, err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func TestUntrustedSender(t *testing.T) {
	s, fd := pair(t)
	trust := false
	s.trusted = func(unix.Sockaddr) bool { trust = !trust; return !trust } // every second one
	for i := range 2 {
		data := datagram("add@/x", "ACTION=add", "DEVPATH=/x", fmt.Sprintf("SEQNUM=%d", i))
		if err := unix.Sendto(fd, data, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := s.Read(); err != nil || e.SeqNum != 1 {
		t.Errorf("got %+v, %v", e, err)
	}
	for port, want := range map[uint32]bool{0: true, 42: false} {
		if fromKernel(&unix.SockaddrNetlink{Pid: port}) != want {
			t.Errorf("port %d: want %t", port, want)
		}
	}
	if fromKernel(&unix.SockaddrUnix{}) {
		t.Error("a UNIX sender was taken for the kernel")
	}
}

func TestCloseEndsRead(t *testing.T) {
	s, _ := pair(t)
	ended := make(chan error, 1)
	go func() { _, err := s.Read(); ended <- err }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := guard.Receive(t, "the end of Read", ended); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want %v", err, os.ErrClosed)
	}
	if _, err := s.Read(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: got %v, want %v", err, os.ErrClosed)
	}
}

// kernelSocket listens to the kernel and has a way to make it send.
func kernelSocket(t *testing.T) (s *Socket, trigger func()) {
	t.Helper()
	const file = "/sys/devices/virtual/mem/null/uevent"
	if f, err := os.OpenFile(file, os.O_WRONLY, 0); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and a writable sysfs")
	} else {
		f.Close()
	}
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, func() {
		if err := os.WriteFile(file, []byte("change"), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// next reads until the event of the test's trigger comes: the machine has events of its
// own.
func next(t *testing.T, s *Socket) error {
	t.Helper()
	timer := time.AfterFunc(guard.Hang, func() { s.Close() })
	defer timer.Stop()
	for {
		e, err := s.Read()
		if err != nil {
			return err
		}
		if e.DevPath == "/devices/virtual/mem/null" {
			if e.Action != "change" || e.Subsystem != "mem" || e.Node() != "/dev/null" || e.SeqNum == 0 {
				t.Errorf("got %+v", e)
			}
			return nil
		}
	}
}

func TestKernelEvent(t *testing.T) {
	s, trigger := kernelSocket(t)
	trigger()
	if err := next(t, s); err != nil {
		t.Fatal(err)
	}
	flags := 0
	if err := s.raw.Control(func(fd uintptr) { flags, _ = unix.FcntlInt(fd, unix.F_GETFD, 0) }); err != nil {
		t.Fatal(err)
	}
	if flags&unix.FD_CLOEXEC == 0 {
		t.Error("the socket stays open in children")
	}
}

func TestOverflow(t *testing.T) {
	s, trigger := kernelSocket(t)
	err := s.raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1) })
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		trigger()
	}
	lost := false
	for !lost {
		switch err := next(t, s); {
		case errors.Is(err, ErrOverflow):
			lost = true
		case err != nil:
			t.Fatal(err)
		}
	}
	// What was queued before the loss, and what comes then. The machine's own events may be too many again.
	for range 100 {
		if err := next(t, s); err != nil && !errors.Is(err, ErrOverflow) {
			t.Fatal(err)
		}
		trigger()
	}
}
