// SPDX-License-Identifier: Apache-2.0

package safepath

import (
	"errors"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// maxDepth bounds the directories held open by one RemoveAll: deeper trees are
// answered with ENAMETOOLONG instead of the agent running out of descriptors.
const maxDepth = 128

// maxPasses bounds how often a directory is emptied again because names came while it
// was emptied, or because its filesystem skips entries when others vanish: somebody
// who makes files for ever must not hold the caller.
const maxPasses = 8

// RemoveAll removes name, one component of the open directory parent, with all that is
// below it. Links are removed, not followed. A mount point is neither entered nor
// removed: it gives EBUSY or EXDEV, and what was found before it is gone. A name that
// is not there is no error.
func RemoveAll(parent *os.File, name string) error {
	if !isName(name) {
		return &os.PathError{Op: "remove", Path: name, Err: ErrPath}
	}
	if err := removeAll(fdOf(parent), name, maxDepth); err != nil {
		return &os.PathError{Op: "remove", Path: path.Join(parent.Name(), name), Err: err}
	}
	return nil
}

// RemoveAll is RemoveAll of rel below d.
func (d *Dir) RemoveAll(rel string) error {
	parent, name, err := d.Parent(rel)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer parent.Close()
	return RemoveAll(parent, name)
}

func removeAll(dir int, name string, depth int) error {
	err := unix.Unlinkat(dir, name, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	// EISDIR is Linux' answer for a directory, EPERM that of POSIX and some FUSE servers.
	if err != unix.EISDIR && err != unix.EPERM {
		return err
	}
	for range maxPasses {
		rmErr := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
		switch rmErr {
		case nil, unix.ENOENT:
			return nil
		case unix.ENOTDIR:
			return err
		case unix.ENOTEMPTY, unix.EEXIST:
		default:
			return rmErr
		}
		if depth == 0 {
			return unix.ENAMETOOLONG
		}
		if err := removeContent(dir, name, depth); err != nil {
			return err
		}
	}
	return unix.ENOTEMPTY
}

func removeContent(dir int, name string, depth int) error {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV,
	}
	fd, err := retry(func() (int, error) { return unix.Openat2(dir, name, &how) })
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	var first error
	for {
		names, err := f.Readdirnames(256)
		for _, n := range names {
			if err := removeAll(fd, n, depth-1); first == nil {
				first = err
			}
		}
		if err == io.EOF {
			return first
		}
		if err != nil {
			return errors.Join(first, err)
		}
	}
}
