// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"os"

	"golang.org/x/sys/unix"
)

// statfs(2) reports relatime with a bit of its own; the other flags have the same
// value as for mount(2).
const (
	stRelatime = 0x1000
	stSame     = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC |
		unix.MS_NOATIME | unix.MS_NODIRATIME
)

// currentFlags are the MS_ flags of the mount f lies on.
func currentFlags(f *os.File) (uintptr, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: f.Name(), Err: err}
	}
	flags := uintptr(st.Flags) & stSame
	if st.Flags&stRelatime != 0 {
		flags |= unix.MS_RELATIME
	}
	return flags, nil
}

// maybeMountPoint is false only if f is surely not the root of a mount. It spares
// reading the mount table, which grows with every container.
func maybeMountPoint(f *os.File) bool {
	var stx unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, 0, &stx)
	if err != nil || stx.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return true
	}
	return stx.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
