// SPDX-License-Identifier: Apache-2.0

package share

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// tempName is the name, in the directory of rel, of what becomes rel. It comes from the
// whole path, so that no two files share one, and has a fixed length, so that it is
// valid for every name.
func tempName(rel string) string {
	sum := sha256.Sum256([]byte(rel))
	return ".kata-copy-" + hex.EncodeToString(sum[:16])
}

// copyDir makes the directory, or keeps it if there is one, and sets owner and mode.
func copyDir(parent *os.File, rel string, r *Request) error {
	name := path.Base(rel)
	f, err := safepath.OpenChild(parent, name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err == nil {
		defer f.Close()
		return dress(f, r)
	}
	tmp := tempName(rel)
	if err := safepath.RemoveAll(parent, tmp); err != nil {
		return err
	}
	if err := unix.Mkdirat(int(parent.Fd()), tmp, 0o700); err != nil {
		return &os.PathError{Op: "mkdir", Path: parent.Name() + "/" + tmp, Err: err}
	}
	if f, err = safepath.OpenChild(parent, tmp, unix.O_PATH|unix.O_DIRECTORY, 0); err == nil {
		err = dress(f, r)
		f.Close()
	}
	if err == nil {
		err = replace(parent, tmp, name)
	}
	if err != nil {
		return errors.Join(err, safepath.RemoveAll(parent, tmp))
	}
	return nil
}

func dress(f *os.File, r *Request) error {
	if err := own(f, r); err != nil {
		return err
	}
	return chmod(f, r.perm())
}

// copyLink makes the link. Where it leads is not looked at: containers see another tree.
func copyLink(parent *os.File, rel string, r *Request) error {
	name, target := path.Base(rel), string(r.Data)
	if target == "" || strings.ContainsRune(target, 0) {
		return &os.PathError{Op: "symlink", Path: name, Err: unix.EINVAL}
	}
	tmp := tempName(rel)
	if err := safepath.RemoveAll(parent, tmp); err != nil {
		return err
	}
	dir := int(parent.Fd())
	if err := unix.Symlinkat(target, dir, tmp); err != nil {
		return &os.PathError{Op: "symlink", Path: parent.Name() + "/" + tmp, Err: err}
	}
	err := unix.Fchownat(dir, tmp, int(r.UID), int(r.GID), unix.AT_SYMLINK_NOFOLLOW)
	if err == nil {
		err = replace(parent, tmp, name)
	}
	if err != nil {
		return errors.Join(err, safepath.RemoveAll(parent, tmp))
	}
	return nil
}

// replace gives tmp the name, in place of whatever has it. What rename(2) does not
// replace in one step, a directory by a file or the other way round, is exchanged with
// tmp and removed afterwards; file systems that cannot exchange have a moment without
// the name. A mount point is not replaced: EBUSY.
func replace(parent *os.File, tmp, name string) error {
	dir := int(parent.Fd())
	err := unix.Renameat(dir, tmp, dir, name)
	switch err {
	case nil:
		return nil
	case unix.EISDIR, unix.ENOTDIR, unix.ENOTEMPTY, unix.EEXIST:
	default:
		return &os.PathError{Op: "rename to", Path: parent.Name() + "/" + name, Err: err}
	}
	err = unix.Renameat2(dir, tmp, dir, name, unix.RENAME_EXCHANGE)
	if err == nil {
		return safepath.RemoveAll(parent, tmp)
	}
	if err == unix.EINVAL || err == unix.ENOSYS {
		if err := safepath.RemoveAll(parent, name); err != nil {
			return err
		}
		err = unix.Renameat(dir, tmp, dir, name)
	}
	if err != nil {
		return &os.PathError{Op: "rename to", Path: parent.Name() + "/" + name, Err: err}
	}
	return nil
}
