// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// put makes one entry of the target.
func (m *mirror) put(rel string, e entry) error {
	parent, name, err := m.target.Parent(rel)
	if err != nil {
		return err
	}
	defer parent.Close()
	if old, ok := m.known[rel]; ok && old.kind() != e.kind() &&
		(old.kind() == unix.S_IFDIR || e.kind() == unix.S_IFDIR) {
		if err := safepath.RemoveAll(parent, name); err != nil {
			return err
		}
		m.forget(rel)
	}
	switch e.kind() {
	case unix.S_IFDIR:
		return putDir(parent, name, e)
	case unix.S_IFLNK:
		return putLink(parent, name, e)
	}
	return m.putFile(parent, name, rel, e)
}

// forget drops what was known of a tree that was removed.
func (m *mirror) forget(rel string) {
	maps.DeleteFunc(m.known, func(p string, _ entry) bool { return p == rel || strings.HasPrefix(p, rel+"/") })
}

func putDir(parent *os.File, name string, e entry) error {
	err := unix.Mkdirat(int(parent.Fd()), name, 0o700)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	dir, err := safepath.OpenChild(parent, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dress(dir, e)
}

func putLink(parent *os.File, name string, e entry) error {
	if err := safepath.RemoveAll(parent, tempName); err != nil {
		return err
	}
	dir := int(parent.Fd())
	if err := unix.Symlinkat(e.link, dir, tempName); err != nil {
		return err
	}
	if err := unix.Fchownat(dir, tempName, int(e.uid), int(e.gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	return unix.Renameat(dir, tempName, dir, name)
}

func (m *mirror) putFile(parent *os.File, name, rel string, e entry) error {
	data, err := readSource(m.source, rel, e)
	if err != nil {
		return err
	}
	if err := safepath.RemoveAll(parent, tempName); err != nil {
		return err
	}
	f, err := safepath.OpenChild(parent, tempName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := dress(f, e); err != nil {
		return err
	}
	return unix.Renameat(int(parent.Fd()), tempName, int(parent.Fd()), name)
}

// dress sets owner and mode, in this order: a change of owner takes set-id bits away.
func dress(f *os.File, e entry) error {
	if err := f.Chown(int(e.uid), int(e.gid)); err != nil {
		return err
	}
	return unix.Fchmod(int(f.Fd()), e.mode&0o7777)
}

// readSource reads a file whole, and only if it is still the one the scan saw when all
// of it was read.
func readSource(source *safepath.Dir, rel string, e entry) ([]byte, error) {
	f, err := source.Open(rel, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, torn(err)
	}
	defer f.Close()
	return readOpen(f, e)
}

func readOpen(f *os.File, e entry) ([]byte, error) {
	data := make([]byte, e.size)
	for n := 0; n < len(data); {
		k, err := unix.Pread(int(f.Fd()), data[n:], int64(n))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: f.Name(), Err: err}
		}
		if k == 0 {
			return nil, fmt.Errorf("%s: %w", path.Base(f.Name()), errTorn)
		}
		n += k
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if newEntry(&st) != e {
		return nil, fmt.Errorf("%s: %w", path.Base(f.Name()), errTorn)
	}
	return data, nil
}
