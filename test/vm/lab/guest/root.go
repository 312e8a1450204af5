// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// newRoot is where the real root is mounted before it takes the place of "/".
const newRoot = "/newroot"

// switchRoot moves the real root over the initramfs, as switch_root(8) does.
func switchRoot(m wire.Mount) error {
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return err
	}
	// The device's node comes from a devtmpfs of our own.
	if err := mountOn("/lab/dev", "devtmpfs"); err != nil {
		return err
	}
	err := unix.Mount(m.Source, newRoot, m.Type, 0, m.Options)
	unix.Unmount("/lab/dev", unix.MNT_DETACH)
	if err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.Source, newRoot, err)
	}
	if m.Type == "tmpfs" {
		if err := moveTree("/", newRoot); err != nil {
			return err
		}
	}
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return os.Chdir("/")
}

// moveTree copies the initramfs into an empty root and gives the memory of
// its files back.
func moveTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == newRoot {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return moveEntry(path, filepath.Join(to, path), info)
	})
}

func moveEntry(from, to string, info fs.FileInfo) error {
	stat := info.Sys().(*syscall.Stat_t)
	switch info.Mode().Type() {
	case fs.ModeDir:
		if err := os.Mkdir(to, info.Mode().Perm()); err != nil && !os.IsExist(err) {
			return err
		}
		return nil
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, info.Mode().Perm()); err != nil {
			return err
		}
		return os.Remove(from)
	}
	return unix.Mknod(to, stat.Mode, int(stat.Rdev))
}
