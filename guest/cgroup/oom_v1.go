// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// registerEventfd asks a v1 group to signal an eventfd, see "OOM Control" in the kernel's
// admin-guide/cgroup-v1/memory.rst.
func (w *OOMWatcher) registerEventfd(o *OOMWatch) error {
	control, err := os.Open(filepath.Join(o.dir, controlFile))
	if err != nil {
		return err
	}
	defer control.Close() // the kernel holds the group, not this file
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	request := fmt.Sprintf("%d %d", fd, control.Fd())
	if err := sysfs.Write(filepath.Join(o.dir, requestFile), request); err != nil {
		unix.Close(fd)
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		unix.Close(fd)
		return ErrWatcherClosed
	}
	if err := w.add(fd); err != nil {
		unix.Close(fd)
		return err
	}
	o.id = int32(fd)
	w.byEvent[o.id] = o
	return nil
}
