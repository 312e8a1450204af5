// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Bundle is one container's bundle directory.
type Bundle struct{ dir string }

// Dir is its absolute path.
func (b *Bundle) Dir() string { return b.dir }

// Make makes the bundle of a container and sets the spec's root path to its rootfs: the
// spec's root bind-mounted there, or what is there already (an overlay or a pulled image
// that a storage has put in place). open gives the spec's root, as O_PATH, by the rules for sources
// of mounts. When it fails nothing is left that it has made.
func Make(root, id string, spec *specs.Spec, open func(path string) (*os.File, error)) (_ *Bundle, err error) {
	if spec.Root == nil || spec.Root.Path == "" {
		return nil, fmt.Errorf("spec of container %q has no root", id)
	}
	if !filepath.IsAbs(spec.Root.Path) {
		return nil, fmt.Errorf("spec of container %q: root path %q is not absolute", id, spec.Root.Path)
	}
	b := &Bundle{dir: filepath.Join(root, id)}
	rootfs := filepath.Join(b.dir, "rootfs")
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Remove())
		}
	}()
	if _, err := os.Lstat(rootfs); errors.Is(err, fs.ErrNotExist) {
		if err := bindRoot(spec.Root.Path, rootfs, open); err != nil {
			return nil, fmt.Errorf("rootfs of container %q: %w", id, err)
		}
	} else if err != nil {
		return nil, err
	}
	spec.Root.Path = rootfs
	return b, b.Save(spec)
}

// Load reads the spec of a bundle that an agent has made.
func Load(dir string) (*specs.Spec, error) {
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", dir, err)
	}
	return &spec, nil
}

func bindRoot(source, rootfs string, open func(string) (*os.File, error)) error {
	f, err := open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return &fs.PathError{Op: "bind", Path: source, Err: unix.ENOTDIR}
	}
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(safepath.FDPath(f), rootfs, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s to %s: %w", source, rootfs, err)
	}
	return nil
}

// Save writes config.json. The file holds the environment, so only root reads it.
func (b *Bundle) Save(spec *specs.Spec) error {
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "config.json"), data, 0o600)
}

// Remove unmounts what is mounted below the bundle and deletes it. Idempotent. Every
// mount is detached first, so that nothing of a volume is ever deleted with it.
func (b *Bundle) Remove() error { return Remove(filepath.Dir(b.dir), filepath.Base(b.dir)) }

// Remove is Bundle.Remove for the bundle that Make has made of id, or begun to make.
func Remove(root, id string) error {
	b := &Bundle{dir: filepath.Join(root, id)}
	if b.removePlain() {
		return nil
	}
	if err := detachBelow(b.dir); err != nil {
		return err
	}
	return os.RemoveAll(b.dir)
}

// removePlain removes a bundle with nothing in it but what Make has put there: one mount and one file. It is
// false where there is more, such as a volume in it or over it. Of a volume it deletes nothing: no directory
// that a mount is on can be removed, and the file is only once the directory is known to be no mount.
func (b *Bundle) removePlain() bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, b.dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &st)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR ||
		st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 || st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return false
	}
	rootfs := filepath.Join(b.dir, "rootfs")
	_ = unix.Unmount(rootfs, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if unix.Rmdir(rootfs) != nil {
		return false
	}
	_ = unix.Unlink(filepath.Join(b.dir, "config.json"))
	return unix.Rmdir(b.dir) == nil
}

// RemoveEmpty deletes the bundle's directory if nothing is in it: a volume that lies in it and has come to
// nothing may have made it, before there was a bundle.
func RemoveEmpty(root, id string) error {
	err := unix.Rmdir(filepath.Join(root, id))
	switch err {
	case nil, unix.ENOENT, unix.ENOTDIR, unix.ENOTEMPTY, unix.EEXIST:
		return nil
	}
	return &fs.PathError{Op: "remove", Path: filepath.Join(root, id), Err: err}
}

func detachBelow(dir string) error {
	// The mount table has resolved paths.
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for {
		detached, err := detachOnce(dir)
		if err != nil || !detached { // what one mount has hidden is detached after it
			return err
		}
	}
}

// detachOnce tells whether anything has been detached.
func detachOnce(dir string) (detached bool, _ error) {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return false, fmt.Errorf("mounts below %s: %w", dir, err)
	}
	// The deepest first, and of several at one place the latest first.
	slices.Reverse(mounts)
	slices.SortStableFunc(mounts, func(a, b *mountinfo.Info) int {
		return strings.Count(b.Mountpoint, "/") - strings.Count(a.Mountpoint, "/")
	})
	for _, m := range mounts {
		err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return detached, fmt.Errorf("unmount %s: %w", m.Mountpoint, err)
		}
		detached = detached || err == nil
	}
	return detached, nil
}
