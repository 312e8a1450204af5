// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"os"

	"golang.org/x/sys/unix"
)

// NewTerminal makes a reader and a writer of a pty master. Each has a duplicate of its
// own; master stays the caller's, for the window size, and the terminal hangs up when all
// three have been closed.
func (p *Poller) NewTerminal(master *os.File) (*Reader, *Writer, error) {
	in, err := duplicate(master)
	if err != nil {
		return nil, nil, err
	}
	out, err := duplicate(master)
	if err != nil {
		unix.Close(in)
		return nil, nil, err
	}
	return &Reader{poller: p, fd: in}, &Writer{poller: p, fd: out}, nil
}

// Resize sets the size of the terminal in character cells. master is either side of it.
func Resize(master *os.File, rows, columns uint16) error {
	conn, err := master.SyscallConn()
	if err != nil {
		return err
	}
	var errno error
	err = conn.Control(func(fd uintptr) {
		errno = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	})
	if err == nil && errno != nil {
		err = os.NewSyscallError("set window size", errno)
	}
	return err
}
