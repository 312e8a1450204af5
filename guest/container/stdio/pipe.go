// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Pipes are the three pipes of a process without a terminal. All six ends are
// close-on-exec and blocking; whoever starts the process duplicates the child's ends.
type Pipes struct {
	Stdin          *os.File    // the agent writes
	Stdout, Stderr *os.File    // the agent reads
	Child          [3]*os.File // the process's stdin, stdout and stderr
}

// PipeOptions says how pipes are made.
type PipeOptions struct {
	Proc string // where proc is mounted; "" is /proc
	Size int    // capacity of stdout and stderr in bytes; 0 is the kernel's default
}

// OpenPipes makes the pipes of one process. A size that cannot be had is no error: above
// the kernel's limit it becomes the limit (proc's sys/fs/pipe-max-size), and otherwise the pipe
// stays as it is; warning says so.
func OpenPipes(o PipeOptions) (p *Pipes, warning, err error) {
	var ours, theirs [3]*os.File
	for i := range ours {
		r, w, err := pipe()
		if err != nil {
			(&Pipes{ours[0], ours[1], ours[2], theirs}).Close()
			return nil, nil, err
		}
		ours[i], theirs[i] = r, w
		if i == 0 {
			ours[i], theirs[i] = w, r
		}
		if i > 0 && o.Size > 0 {
			if failed := o.resize(r); failed != nil {
				warning = failed
			}
		}
	}
	return &Pipes{ours[0], ours[1], ours[2], theirs}, warning, nil
}

// CloseChild closes the child's ends, once the process has them.
func (p *Pipes) CloseChild() {
	for _, f := range p.Child {
		if f != nil {
			f.Close()
		}
	}
}

// Close closes all ends; those already closed or taken over do not matter.
func (p *Pipes) Close() {
	p.CloseChild()
	for _, f := range []*os.File{p.Stdin, p.Stdout, p.Stderr} {
		if f != nil {
			f.Close()
		}
	}
}

// pipe is os.Pipe without O_NONBLOCK, which a process would inherit, and so without an
// entry in Go's netpoller.
func pipe() (r, w *os.File, err error) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("create pipe: %w", err)
	}
	return os.NewFile(uintptr(fd[0]), "pipe"), os.NewFile(uintptr(fd[1]), "pipe"), nil
}

// resize sets the capacity, which the kernel rounds up to a power of two pages. Without
// CAP_SYS_RESOURCE the kernel has a limit for one pipe and one for all pipes of a user.
func (o PipeOptions) resize(f *os.File) error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, o.Size)
	if err != unix.EPERM {
		return o.warn(err)
	}
	limit, lerr := o.limit()
	if lerr != nil || limit >= o.Size {
		return o.warn(err)
	}
	if _, lerr := unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, limit); lerr != nil {
		return o.warn(lerr)
	}
	return fmt.Errorf("pipe size %d is above the limit, using %d: %w", o.Size, limit, err)
}

func (o PipeOptions) warn(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("set pipe size %d: %w", o.Size, err)
}

func (o PipeOptions) limit() (int, error) {
	proc := o.Proc
	if proc == "" {
		proc = "/proc"
	}
	text, err := os.ReadFile(filepath.Join(proc, "sys/fs/pipe-max-size"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
