// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"os"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// Undo takes back what Mount made: the mount, then the mount point if Mount made it and
// nothing else is in it. The zero Made is nothing to do; doing it twice is harmless.
func (m Mounter) Undo(made Made) error {
	if made.Mounted {
		if err := m.Unmount(made.Target); err != nil {
			return err
		}
	}
	if made.Created {
		return m.RemoveTarget(made.Target)
	}
	return nil
}

// Unmount takes away the uppermost mount on target. One that is in use is detached
// from the tree after its data was written out: it ends with its last user, and the
// caller does not wait. A target that is missing or no mount point is no error.
func (m Mounter) Unmount(target string) error {
	if err := m.unmount(target); err != nil {
		return fmt.Errorf("unmount %q: %w", target, err)
	}
	return nil
}

func (m Mounter) unmount(target string) error {
	p, err := m.find(target)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.close()
	// The path goes through the parent: a descriptor of the mount itself would keep it busy.
	at := safepath.FDPath(p.parent) + "/" + p.name
	switch err = unix.Unmount(at, unix.UMOUNT_NOFOLLOW); err {
	case nil, unix.ENOENT, unix.EINVAL: //nolint:errorlint // straight from the system call; EINVAL: not a mount point
		return nil
	case unix.EBUSY:
		flush(p)
		return unix.Unmount(at, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	return err
}

// flush writes a busy file system out before it is detached: the host may unplug its
// device as soon as the storage counts as released.
func flush(p *place) {
	f, err := safepath.OpenChild(p.parent, p.name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	_ = unix.Syncfs(int(f.Fd()))
}

// RemoveTarget removes a mount point that is an empty directory or an empty file.
// Anything else is somebody's data or another mount and stays, without an error; so
// does a mount point on a read-only file system.
func (m Mounter) RemoveTarget(target string) error {
	p, err := m.find(target)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.close()
	dir := int(p.parent.Fd())
	err = unix.Unlinkat(dir, p.name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTDIR) {
		var st unix.Stat_t
		if err = unix.Fstatat(dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil &&
			st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0 {
			err = unix.Unlinkat(dir, p.name, 0)
		}
	}
	switch err {
	case nil, unix.ENOENT, unix.ENOTEMPTY, unix.EEXIST, unix.EBUSY, unix.EROFS: //nolint:errorlint // straight from the system call
		return nil
	}
	return &os.PathError{Op: "remove mount point", Path: target, Err: err}
}
