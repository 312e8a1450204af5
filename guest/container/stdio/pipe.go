// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
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
	// Outlive lets the process read stdout and stderr too, so that a write there neither fails nor
	// kills it when the agent has died: the bytes wait in the pipe for the next one (Reopen).
	Outlive bool
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
		if i > 0 && o.Outlive {
			if err := bothWays(&p.Child[i]); err != nil {
				p.Close()
				return nil, nil, err
			}
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

func (o PipeOptions) proc() string {
	if o.Proc == "" {
		return "/proc"
	}
	return o.Proc
}

func (o PipeOptions) limit() (int, error) {
	proc := o.proc()
	text, err := os.ReadFile(filepath.Join(proc, "sys/fs/pipe-max-size"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// bothWays replaces an end of a pipe by one that reads and writes.
func bothWays(f **os.File) error {
	fd, err := unix.Open(safepath.FDPath(*f), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open pipe both ways: %w", err)
	}
	(*f).Close()
	*f = os.NewFile(uintptr(fd), "pipe")
	return nil
}

// Reopen opens stdout and stderr of a process that another agent has started, where they are pipes still.
// What is not read yet is in them. Its stdin has ended with that agent.
func Reopen(proc string, pid int) (f Files) {
	for i := 1; i <= 2; i++ {
		path := fmt.Sprintf("%s/%d/fd/%d", proc, pid, i)
		if to, err := os.Readlink(path); err != nil || !strings.HasPrefix(to, "pipe:[") {
			continue // a terminal, or what the process has put there itself
		}
		// Nonblocking, for the process may close the other end meanwhile.
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err == nil {
			f[i] = os.NewFile(uintptr(fd), "pipe")
		}
	}
	return f
}
