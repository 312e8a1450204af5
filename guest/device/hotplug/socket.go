// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/pilebones/go-udev/netlink"
	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer holds some ten thousand events: a burst such as memory by the
	// gigabyte, one event for each block, while the reader is busy. It costs nothing
	// while it is empty.
	receiveBuffer = 4 << 20

	// maxDatagram is above what the kernel sends: 2 KiB of fields (UEVENT_BUFFER_SIZE) and
	// a path.
	maxDatagram = 8 << 10
)

// ErrOverflow says that the kernel had no room for an event. The source is still good,
// but a device may be there, or gone, without any word of it.
var ErrOverflow = errors.New("uevents were lost")

// Source gives events. Read waits for the next one; after Close, which may come from
// another goroutine, it returns os.ErrClosed.
type Source interface {
	Read() (Event, error)
	Close() error
}

// Socket is the kernel's own source of events. Waiting for one costs a goroutine and no
// thread.
type Socket struct {
	file   *os.File
	raw    syscall.RawConn
	closed atomic.Bool
	buf    [maxDatagram]byte
	// trusted tells whether a sender may speak of devices.
	trusted func(unix.Sockaddr) bool
}

var _ Source = (*Socket)(nil)

// Listen subscribes to the events of the network namespace the caller is in. The guest's
// devices are in the first one.
func Listen() (*Socket, error) {
	fd, err := connect()
	if err != nil {
		return nil, fmt.Errorf("listen for uevents: %w", err)
	}
	// The first one takes the privilege to go above the system's limit.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	return newSocket(fd, fromKernel)
}

// connect uses the library's socket, closed on exec: the lock keeps a child from being
// made before that is set.
func connect() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var conn netlink.UEventConn
	if err := conn.Connect(netlink.KernelEvent); err != nil {
		return -1, err
	}
	unix.CloseOnExec(conn.Fd)
	return conn.Fd, nil
}

// newSocket takes over fd.
func newSocket(fd int, trusted func(unix.Sockaddr) bool) (*Socket, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen for uevents: %w", err)
	}
	file := os.NewFile(uintptr(fd), "uevents")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("listen for uevents: %w", err)
	}
	return &Socket{file: file, raw: raw, trusted: trusted}, nil
}

// fromKernel accepts port 0, which no process can have.
func fromKernel(from unix.Sockaddr) bool {
	netlinkFrom, ok := from.(*unix.SockaddrNetlink)
	return ok && netlinkFrom.Pid == 0
}

// Read returns the next event. Datagrams that are not the kernel's or no events are passed
// over. The error is [ErrOverflow], after which reading goes on, os.ErrClosed, or one
// that will not pass. One goroutine reads at a time.
func (s *Socket) Read() (Event, error) {
	for {
		n, from, err := s.receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			return Event{}, ErrOverflow
		case err != nil:
			return Event{}, err
		case n > len(s.buf) || !s.trusted(from):
			continue
		}
		if e, err := Parse(s.buf[:n]); err == nil {
			return e, nil
		}
	}
}

// receive returns the whole length of a datagram, also of one that does not fit.
func (s *Socket) receive() (n int, from unix.Sockaddr, err error) {
	waitErr := s.raw.Read(func(fd uintptr) bool {
		for {
			n, from, err = unix.Recvfrom(int(fd), s.buf[:], unix.MSG_TRUNC)
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	if s.closed.Load() {
		return 0, nil, os.ErrClosed // the poller has another word for it
	}
	if waitErr != nil {
		return 0, nil, fmt.Errorf("receive uevent: %w", waitErr)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("receive uevent: %w", os.NewSyscallError("recvfrom", err))
	}
	return n, from, nil
}

// Close ends a pending Read.
func (s *Socket) Close() error {
	s.closed.Store(true)
	return s.file.Close()
}
