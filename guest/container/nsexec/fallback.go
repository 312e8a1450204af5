// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// A v2 cgroup that has handed controllers down to children takes no processes of its own
// (EBUSY). A container that runs an init system or other containers does that to its
// cgroup after moving its processes into one below; it may also have removed it.

// refusedByCgroup tells whether a process did not start because of its cgroup.
func (r *Request) refusedByCgroup(err error) bool {
	e := new(Error)
	if !errors.As(err, &e) || e.Step != StepClone || r.Target.flags&flagCgroup2 == 0 {
		return false
	}
	switch e.Errno {
	case syscall.EBUSY, syscall.EOPNOTSUPP, syscall.ENODEV, syscall.ENOENT:
		return true
	}
	return false
}

// otherCgroup opens the cgroup that takes processes in place of the container's own: the
// one below it named "init", which is where the Kata agent has looked so far, or that of
// the container's init process, which is where runc looks.
func (t *Target) otherCgroup() (*os.File, error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	below, err := os.OpenFile(filepath.Join(t.cgroupPath, "init"), flags, 0)
	if err == nil {
		return below, nil
	}
	release, err := t.use()
	if err != nil {
		return nil, err
	}
	defer release()
	path, err := t.initCgroup()
	if err != nil {
		return nil, err
	}
	return os.OpenFile(path, flags, 0)
}

// initCgroup is the directory of the v2 cgroup that the container's init is in now.
func (t *Target) initCgroup() (string, error) {
	// The directory of a process in /proc stays that of this one process.
	fd, err := unix.Openat(int(t.init.Fd()), "cgroup", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open cgroups of the container's init: %w", err)
	}
	f := os.NewFile(uintptr(fd), "cgroup")
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return "", fmt.Errorf("read cgroups of the container's init: %w", err)
	}
	for line := range bytes.Lines(text) {
		if path, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("0::")); ok {
			return filepath.Join(mountOf(t.cgroupPath), string(path)), nil
		}
	}
	return "", fmt.Errorf("the container's init is in no v2 cgroup: %w", os.ErrNotExist)
}

// mountOf is the topmost directory of the cgroup tree that path is in.
func mountOf(path string) string {
	for top := path; ; {
		parent := filepath.Dir(path)
		var fs unix.Statfs_t
		if path == parent || unix.Statfs(parent, &fs) == nil && fs.Type != unix.CGROUP2_SUPER_MAGIC {
			return top
		}
		top, path = parent, parent
	}
}
