// SPDX-License-Identifier: Apache-2.0

package sharedmount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"golang.org/x/sys/unix"
)

// View is the root directory and the mount namespace of a container, held open.
type View struct {
	root   *os.File // O_PATH
	ns     *os.File
	mounts *os.File // mountinfo
	pid    *os.File // pidfd of the process whose they are
}

// OpenView opens those of a process of the container: pid and its pidfd, which a holder of it may
// close at any time. proc is the mount point of procfs. A process that has exited is ErrSource.
func OpenView(proc string, pid int, fd *os.File) (_ *View, err error) {
	v := &View{}
	defer func() {
		if err != nil {
			if v.pid == nil || exited(v.pid) {
				err = fmt.Errorf("%w: its first process has exited", ErrSource)
			}
			v.Close()
		}
	}()
	if v.pid, err = dup(fd); err != nil {
		return nil, err
	}
	dir := filepath.Join(proc, strconv.Itoa(pid))
	if v.root, err = open(filepath.Join(dir, "root"), "/", unix.O_PATH|unix.O_DIRECTORY); err != nil {
		return nil, err
	}
	if v.ns, err = open(filepath.Join(dir, "ns/mnt"), "mount namespace", unix.O_RDONLY); err != nil {
		return nil, err
	}
	if v.mounts, err = open(filepath.Join(dir, "mountinfo"), "mountinfo", unix.O_RDONLY); err != nil {
		return nil, err
	}
	// Still there, so that the number was its own until now and what was opened is its.
	return v, pidfd.Send(v.pid, 0)
}

// Close gives the descriptors back.
func (v *View) Close() {
	for _, f := range []*os.File{v.root, v.ns, v.mounts, v.pid} {
		if f != nil {
			f.Close()
		}
	}
}

// open opens a file whose errors are to show it as called: paths below a root as the container has
// them. It keeps Go's poller out: what is waited for, poll(2) waits for.
func open(name, called string, flags int) (*os.File, error) {
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), called), nil
}

func dup(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	ctlErr := raw.Control(func(n uintptr) { fd, err = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(ctlErr, err); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// exited tells whether the process of a pidfd has ended.
func exited(fd *os.File) bool {
	p := []unix.PollFd{{Fd: int32(fd.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0
}
