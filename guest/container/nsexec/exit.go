// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"errors"
	"os"
	"syscall"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"golang.org/x/sys/unix"
)

// exit is a child that is to be reaped when it exits; waiting for it parks a goroutine
// and no thread.
type exit struct {
	file *os.File
	conn syscall.RawConn
}

// watchExit makes an exit of a pidfd, which it takes over: it is closed after an error too.
func watchExit(fd int) (*exit, error) {
	// A nonblocking descriptor is given to Go's netpoller by NewFile.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	e := &exit{file: os.NewFile(uintptr(fd), "pidfd")}
	var err error
	if e.conn, err = e.file.SyscallConn(); err != nil {
		e.file.Close()
		return nil, err
	}
	return e, nil
}

func (e *exit) kill() { _ = pidfd.Send(e.file, unix.SIGKILL) }

// reap waits until the child exits, reaps it and closes the pidfd. A child that was reaped elsewhere
// is gone too, so that is no error.
func (e *exit) reap() {
	defer e.file.Close()
	gone := false
	look := func(uintptr) bool {
		_, exited, err := pidfd.Wait(e.file)
		gone = exited || err != nil && !errors.Is(err, unix.EAGAIN)
		return gone
	}
	_ = e.conn.Read(look)
	for !gone { // Go's poller had no room for it: the thread has to wait
		if e.conn.Control(func(fd uintptr) {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			look(fd)
		}) != nil {
			return
		}
	}
}
