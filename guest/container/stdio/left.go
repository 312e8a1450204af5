// SPDX-License-Identifier: Apache-2.0

package stdio

import "golang.org/x/sys/unix"

// Left is what a stream has left.
type Left struct {
	Unread int  // bytes that wait to be read
	Held   bool // somebody can still write
	Half   bool // what is unread takes half of the room or more: a writer may have to wait soon
}

// terminalRoom is what the line discipline of a terminal keeps, in bytes (N_TTY_BUF_SIZE).
const terminalRoom = 4096

// Left tells what the stream has left: after its end what will be read again (Return), nothing after Close. While somebody reads
// it says one byte, of a stream that is held: there may be more. Like read(2) it can be
// held up by a writer that has the pipe's lock, so other calls do not wait for it.
func (r *Reader) Left() Left {
	r.mu.Lock()
	if r.closed || r.fd < 0 {
		r.mu.Unlock()
		return Left{}
	}
	again := r.back.left()
	if r.over {
		r.mu.Unlock()
		return Left{Unread: again}
	}
	if r.busy {
		r.mu.Unlock()
		return Left{Unread: 1, Held: true}
	}
	r.busy = true
	r.mu.Unlock()
	left := leftIn(r.fd)
	left.Unread += again
	r.serve(nil) // what was asked for meanwhile
	return left
}

// leftIn asks the kernel: poll(2), FIONREAD and F_GETPIPE_SZ.
func leftIn(fd int) Left {
	events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(events, 0)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return Left{}
		}
	}
	left := Left{Held: events[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0}
	if events[0].Revents&unix.POLLIN == 0 {
		return left
	}
	left.Unread, _ = unix.IoctlGetInt(fd, unix.TIOCINQ)
	room, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		room = terminalRoom
	}
	left.Half = left.Unread >= room/2
	return left
}
