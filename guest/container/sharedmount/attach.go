// SPDX-License-Identifier: Apache-2.0

package sharedmount

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// errTarget is a place that the container's own isolation stands on.
var errTarget = errors.New("is on a proc, sysfs or cgroup file system, which must not be covered")

// Target opens the place for a mount in the destination, as O_PATH. What is missing of it is made as
// runtimes make the mount points of a spec: directories (0755), at the end one or, for a file, an
// empty file (0644). rootfs is the container's root as the agent has it: where the container's own
// is read-only, it is made there.
func (v *View) Target(name, rootfs string, file bool) (*os.File, error) {
	own := safepath.At(v.root, safepath.Rebase)
	f, err := place(own, name, file)
	if errors.Is(err, unix.EROFS) {
		if placeIn(rootfs, name, file) == nil {
			f, err = own.Open(name, unix.O_PATH, 0)
		}
	}
	if err == nil {
		err = mayCover(f)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, fmt.Errorf("destination path %q: %w", name, err)
	}
	return f, nil
}

func placeIn(rootfs, name string, file bool) error {
	d, err := safepath.Open(rootfs, safepath.Rebase)
	if err != nil {
		return err
	}
	defer d.Close()
	f, err := place(d, name, file)
	if err != nil {
		return err
	}
	return f.Close()
}

func place(d *safepath.Dir, name string, file bool) (*os.File, error) {
	if !file {
		f, _, err := d.MkdirAll(name, 0o755)
		return f, err
	}
	parent, _, err := d.MkdirAll(path.Dir(path.Clean(name)), 0o755)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	f, err := d.Open(name, unix.O_PATH, 0)
	if !errors.Is(err, unix.ENOENT) {
		return f, err
	}
	made, err := safepath.OpenChild(parent, path.Base(name), unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	made.Close()
	return safepath.OpenChild(parent, path.Base(name), unix.O_PATH, 0)
}

func mayCover(f *os.File) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	switch int64(fs.Type) {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC:
		return errTarget
	}
	return nil
}

// Attach mounts it, with everything that is mounted below it, on what Target of the destination has
// given.
func (f *Found) Attach(to *View, target *os.File) error {
	// A mount is copied in its own namespace and attached in the one of its place, so a thread joins
	// both and ends.
	return namespace.OnOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		if err := unix.Setns(int(f.from.ns.Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("join the mount namespace of the source container: %w", err)
		}
		const flags = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE | unix.AT_EMPTY_PATH
		tree, err := unix.OpenTree(int(f.mount.Fd()), "", flags)
		if err != nil {
			return fmt.Errorf("copy the mount: %w", err)
		}
		defer unix.Close(tree)
		slave := &unix.MountAttr{Propagation: unix.MS_SLAVE}
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, slave); err != nil {
			return fmt.Errorf("set propagation: %w", err)
		}
		if err := unix.Setns(int(to.ns.Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("join the mount namespace of the container: %w", err)
		}
		const empty = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH
		if err := unix.MoveMount(tree, "", int(target.Fd()), "", empty); err != nil {
			return fmt.Errorf("attach the mount: %w", err)
		}
		return nil
	})
}
