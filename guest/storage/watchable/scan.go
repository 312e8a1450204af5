// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// Limits of what is copied. They bound the guest memory one storage can take.
const (
	maxEntries = 16      // files, links and directories, the root included
	maxBytes   = 1 << 20 // of files and links
)

// Reasons why a tree is bound instead of copied.
var (
	ErrTooMany  = errors.New("too many file system entries to watch")
	ErrTooLarge = errors.New("too large to watch")
)

// errTorn is a source that changed while it was read; reading it again helps.
var errTorn = errors.New("source changed while it was read")

// dataLink is the link Kubernetes exchanges to update all files of a volume at once.
const dataLink = "..data"

// entry is what one file, directory or link of the source looked like. Two equal
// entries need no copy.
type entry struct {
	mode     uint32 // with type bits
	uid, gid uint32
	ino      uint64
	size     int64
	mtime    unix.Timespec
	ctime    unix.Timespec
	link     string // target of a link
}

func (e entry) kind() uint32 { return e.mode & unix.S_IFMT }

// snapshot holds the entries of a tree by their path below its root, which is ".".
type snapshot map[string]entry

// scan reads the tree at root without following links. Sockets, devices and pipes are
// passed over. The error is ErrTooMany or ErrTooLarge beyond the limits.
func scan(root *os.File) (snapshot, error) {
	s := scanner{root: safepath.At(root, safepath.Refuse), found: snapshot{}}
	st, err := s.stat(root, "")
	if err != nil {
		return nil, err
	}
	s.found["."] = newEntry(&st)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = s.dir(".")
	} else {
		err = s.count(st.Size)
	}
	if err != nil {
		return nil, err
	}
	if l, ok := s.found[dataLink]; ok && l.kind() == unix.S_IFLNK {
		if _, ok := s.found[path.Clean(l.link)]; !ok && !path.IsAbs(l.link) {
			return nil, fmt.Errorf("%s leads to %s, which is not there: %w", dataLink, l.link, errTorn)
		}
	}
	return s.found, nil
}

type scanner struct {
	root  *safepath.Dir
	found snapshot
	bytes int64
}

func (s *scanner) dir(rel string) error {
	dir, err := s.root.Open(rel, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return torn(err)
	}
	defer dir.Close()
	for {
		names, readErr := dir.Readdirnames(2 * maxEntries)
		for _, name := range names {
			if err := s.entry(dir, path.Join(rel, name), name); err != nil {
				return err
			}
		}
		if readErr == io.EOF {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

func (s *scanner) entry(dir *os.File, rel, name string) error {
	st, err := s.stat(dir, name)
	if err != nil {
		return torn(err)
	}
	e := newEntry(&st)
	switch e.kind() {
	case unix.S_IFDIR:
		s.found[rel] = e
		if err := s.count(0); err != nil {
			return err
		}
		return s.dir(rel)
	case unix.S_IFLNK:
		if e.link, err = readlink(dir, name); err != nil {
			return torn(err)
		}
	case unix.S_IFREG:
	default:
		return nil
	}
	s.found[rel] = e
	return s.count(e.size)
}

func (s *scanner) stat(dir *os.File, name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH)
	if err != nil {
		return st, &os.PathError{Op: "stat", Path: path.Join(dir.Name(), name), Err: err}
	}
	return st, nil
}

// count checks the limits after an entry of so many bytes was found.
func (s *scanner) count(size int64) error {
	if len(s.found) > maxEntries {
		return fmt.Errorf("%w: more than %d", ErrTooMany, maxEntries)
	}
	if s.bytes += size; s.bytes > maxBytes || size < 0 {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxBytes)
	}
	return nil
}

func newEntry(st *unix.Stat_t) entry {
	e := entry{mode: st.Mode, uid: st.Uid, gid: st.Gid, ino: st.Ino, mtime: st.Mtim, ctime: st.Ctim}
	if e.kind() == unix.S_IFDIR {
		// Only owner and mode of a directory are copied; its content has its own entries.
		e.mtime, e.ctime = unix.Timespec{}, unix.Timespec{}
	} else {
		e.size = st.Size
	}
	return e
}

func readlink(dir *os.File, name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(dir.Fd()), name, buf)
	if err != nil {
		return "", &os.PathError{Op: "readlink", Path: path.Join(dir.Name(), name), Err: err}
	}
	return string(buf[:n]), nil
}

// torn marks the errors of entries that went away between two looks.
func torn(err error) error {
	for _, e := range []error{unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EINVAL, unix.ESTALE} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", errTorn, err)
		}
	}
	return err
}
