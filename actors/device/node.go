// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// NodeReady says why a device node cannot be used yet. A disk's can be there for some
// milliseconds before the kernel lets it be opened: device_add_disk makes the node first,
// and until it has added the disk's block device, open(2) says ENXIO.
func NodeReady(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeType != os.ModeDevice {
		return nil // opening a character device can do more than to look
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	if err == nil {
		unix.Close(fd)
	}
	return nil // whatever else is wrong, waiting does not help
}
