// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/beneath"
	"golang.org/x/sys/unix"
)

// tempName is what becomes a file or link of the target, in the same directory.
const tempName = ".kata-watch-new"

// mirror brings the target tree in line with the source. known is what was copied
// successfully before; it is changed to what is there now.
type mirror struct {
	source, target *beneath.Dir
	known          snapshot
}

// update copies what differs between the last copy and now, in an order that leaves
// every link with something to lead to: directories, files, the "..data" link, other
// links, and only then what is gone from the source. It goes on after an error, keeps
// what depends on the failed part, and returns the errors.
func (m *mirror) update(now snapshot) error {
	var errs []error
	for _, rel := range copyOrder(now) {
		if old, ok := m.known[rel]; ok && old == now[rel] || rel == "." {
			continue
		}
		// A link must not move on to a directory that is not complete.
		if now[rel].kind() == unix.S_IFLNK && len(errs) > 0 {
			break
		}
		if err := m.put(rel, now[rel]); err != nil {
			errs = append(errs, fmt.Errorf("copy %q: %w", rel, err))
			continue
		}
		m.known[rel] = now[rel]
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, rel := range removeOrder(m.known, now) {
		if err := m.target.RemoveAll(rel); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(m.known, rel)
	}
	return errors.Join(errs...)
}

// copyOrder puts directories before their content and links last.
func copyOrder(now snapshot) []string {
	rank := func(rel string) int {
		switch e := now[rel]; {
		case e.kind() == unix.S_IFDIR:
			return 0
		case e.kind() == unix.S_IFREG:
			return 1
		case rel == dataLink:
			return 2
		}
		return 3
	}
	return slices.SortedFunc(maps.Keys(now), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
}

// removeOrder gives what is gone: links first, directories last, content before them.
func removeOrder(known, now snapshot) []string {
	var gone []string
	for rel := range known {
		if _, ok := now[rel]; !ok && rel != "." {
			gone = append(gone, rel)
		}
	}
	rank := func(rel string) int {
		switch known[rel].kind() {
		case unix.S_IFLNK:
			return 0
		case unix.S_IFREG:
			return 1
		}
		return 2
	}
	slices.SortFunc(gone, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), -strings.Compare(a, b))
	})
	return gone
}

// put makes one entry of the target.
func (m *mirror) put(rel string, e entry) error {
	parent, name, err := m.target.Parent(rel)
	if err != nil {
		return err
	}
	defer parent.Close()
	if old, ok := m.known[rel]; ok && old.kind() != e.kind() &&
		(old.kind() == unix.S_IFDIR || e.kind() == unix.S_IFDIR) {
		if err := beneath.RemoveAll(parent, name); err != nil {
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
	if err != nil && err != unix.EEXIST {
		return err
	}
	dir, err := beneath.OpenChild(parent, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dress(dir, e)
}

func putLink(parent *os.File, name string, e entry) error {
	if err := beneath.RemoveAll(parent, tempName); err != nil {
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
	if err := beneath.RemoveAll(parent, tempName); err != nil {
		return err
	}
	f, err := beneath.OpenChild(parent, tempName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
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
func readSource(source *beneath.Dir, rel string, e entry) ([]byte, error) {
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
