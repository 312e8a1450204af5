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

// Files are one end of the streams of a process, in the order of their descriptors: stdin,
// stdout and stderr. nil is none.
type Files [3]*os.File

// Close closes those that are there.
func (f Files) Close() {
	for _, file := range f {
		if file != nil {
			file.Close()
		}
	}
}

// Pipes are the three pipes of a process without a terminal. All six ends are
// close-on-exec and blocking; whoever starts the process duplicates the child's ends.
type Pipes struct {
	Agent Files // it writes stdin and reads the others
	Child Files // the process's own
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
	p = &Pipes{}
	for i := range p.Agent {
		r, w, err := pipe()
		if err != nil {
			p.Close()
			return nil, nil, err
		}
		p.Agent[i], p.Child[i] = r, w
		if i == 0 {
			p.Agent[i], p.Child[i] = w, r
		}
		if i > 0 && o.Size > 0 {
			if failed := o.resize(r); failed != nil {
				warning = failed
			}
		}
	}
	return p, warning, nil
}

// Close closes all ends; those already closed or taken over do not matter.
func (p *Pipes) Close() {
	p.Child.Close()
	p.Agent.Close()
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
