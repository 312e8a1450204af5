// SPDX-License-Identifier: Apache-2.0

package passfd

import (
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/container/stdio"
)

// state is what a move has found.
type state uint8

const (
	more  state = iota // something was moved
	empty              // there is nothing to move
	full               // the receiver has no room
	ended              // the sender is at its end, or the receiver has gone
)

// chunk is the most that one splice moves, in bytes: what a pipe holds, if nobody sizes it.
const chunk = 64 << 10

// A copy by read and write takes as much at a time as a terminal keeps, several times over. The
// buffers are shared; one is in use only during a move.
type buffer [16 << 10]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// move moves some bytes. The caller owns both descriptors.
func (r *Relay) move() (int, state) {
	if r.plain {
		return r.copy()
	}
	for range 3 {
		n, err := unix.Splice(r.from.fd, nil, r.to.fd, nil, chunk, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch {
		case n > 0:
			return int(n), more
		case err == nil:
			return 0, ended
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if s := r.waits(); s != more {
				return 0, s
			}
		case err == unix.EINVAL, err == unix.ENOSYS, err == unix.EOPNOTSUPP:
			r.plain = true
			return r.copy()
		default:
			return 0, ended
		}
	}
	// Both sides are ready and nothing is moved: not every kernel can splice every socket.
	r.plain = true
	return r.copy()
}

// waits tells which side splice has found not to be ready; more if both are.
func (r *Relay) waits() state {
	events := []unix.PollFd{
		{Fd: int32(r.from.fd), Events: unix.POLLIN},
		{Fd: int32(r.to.fd), Events: unix.POLLOUT},
	}
	poll(events)
	switch {
	case events[0].Revents == 0:
		return empty
	case events[1].Revents == 0:
		return full
	}
	return more
}

// copy moves by read and write. What the receiver does not take is kept: there is never more
// of it than one read.
func (r *Relay) copy() (int, state) {
	if len(r.rest) > 0 {
		return r.write(r.rest)
	}
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	data, err := stdio.ReadNow(r.from.fd, b[:])
	switch {
	case errors.Is(err, stdio.ErrEmpty):
		return 0, empty
	case err != nil: // io.EOF, or the host's connection was reset
		return 0, ended
	}
	n, s := r.write(data)
	if s == full {
		r.rest = slices.Clone(data[n:])
	}
	return n, s
}

func (r *Relay) write(data []byte) (int, state) {
	written := 0
	for written < len(data) {
		n, err := unix.Write(r.to.fd, data[written:])
		written += max(n, 0)
		switch err {
		case nil, unix.EINTR:
		case unix.EAGAIN:
			if len(r.rest) > 0 {
				r.rest = r.rest[written:]
			}
			return written, full
		default:
			return written, ended
		}
	}
	r.rest = nil
	return written, more
}

// terminalRoom is more than the kernel keeps of what was written to a terminal: 64 KiB on the
// way (TTYB_DEFAULT_MEM_LIMIT) and 4 KiB at the master.
const terminalRoom = 128 << 10

// unread is how many bytes wait to be moved, for a terminal at least.
func (e *end) unread() int {
	events := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	poll(events)
	if events[0].Revents&unix.POLLIN == 0 {
		return 0
	}
	if e.kind == terminal {
		return terminalRoom
	}
	n, _ := unix.IoctlGetInt(e.fd, unix.TIOCINQ)
	return n
}

// gone tells whether the receiver will take nothing any more.
func (e *end) gone() bool {
	if e.kind == terminal {
		return false
	}
	events := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLRDHUP}}
	poll(events)
	got := events[0].Revents
	if e.kind == pipe {
		return got&unix.POLLERR != 0
	}
	if got == 0 {
		return false
	}
	// The peer may only have ended its own sending. A message of no bytes goes nowhere and
	// fails if the peer does not receive.
	if err := unix.Sendto(e.fd, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, nil); err != nil && err != unix.EAGAIN {
		return true
	}
	e.half = true
	return got&(unix.POLLERR|unix.POLLHUP) != 0
}

// poll asks what is ready just now.
func poll(events []unix.PollFd) {
	for {
		if _, err := unix.Poll(events, 0); err != unix.EINTR {
			return
		}
	}
}

// duplicate makes a file of its own of a connection's descriptor.
func duplicate(raw syscall.RawConn) (*os.File, error) {
	fd := -1
	var errno error
	err := raw.Control(func(old uintptr) { fd, errno = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) })
	if err == nil {
		err = errno
	}
	if err != nil {
		return nil, os.NewSyscallError("duplicate", err)
	}
	return os.NewFile(uintptr(fd), "passed stream"), nil
}
