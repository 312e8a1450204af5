// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// signalFor makes an eventfd that the kernel signals for a file of a v1 group.
func signalFor(dir, file, argument string) (int, error) {
	watched, err := os.Open(filepath.Join(dir, file))
	if err != nil {
		return -1, err
	}
	defer watched.Close() // the kernel holds the group, not this file
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, os.NewSyscallError("eventfd", err)
	}
	request := strings.TrimSpace(fmt.Sprintf("%d %d %s", fd, watched.Fd(), argument))
	if err := sysfs.Write(filepath.Join(dir, requestFile), request); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// registerEventfd asks a v1 group to signal an eventfd, see "OOM Control" in the kernel's
// admin-guide/cgroup-v1/memory.rst.
func (w *OOMWatcher) registerEventfd(o *OOMWatch) error {
	fd, err := signalFor(o.dir, controlFile, "")
	if err != nil {
		return err
	}
	w.watchPressure(o.dir)
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
