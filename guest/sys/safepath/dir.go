// SPDX-License-Identifier: Apache-2.0

package safepath

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrPath says that a relative path is empty or climbs with "..".
var ErrPath = errors.New("not a path below the directory")

// Links says what a look-up does with symbolic links.
type Links uint64

const (
	// Refuse answers ELOOP for every link, the last component included.
	Refuse Links = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS
	// Rebase follows links as if the directory were "/": an absolute link and ".."
	// stay inside. On "/" itself it is ordinary look-up without magic links.
	Rebase Links = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	// Volume is Refuse, and answers EXDEV where another mount begins.
	Volume Links = Refuse | unix.RESOLVE_NO_XDEV
	// Inside follows relative links that stay inside, and answers EXDEV for others.
	Inside Links = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS
)

// Dir is an open directory; every look-up made through it stays below it. Its
// descriptors are those of *os.File, safe for use from several goroutines.
type Dir struct {
	f     *os.File
	links Links
}

// Open opens the directory at name. name itself is trusted: links in it are followed.
func Open(name string, links Links) (*Dir, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return &Dir{f: os.NewFile(uintptr(fd), name), links: links}, nil
}

// At makes a Dir of an open directory, which may be O_PATH and stays the caller's to
// close: the Dir needs no Close.
func At(f *os.File, links Links) *Dir { return &Dir{f: f, links: links} }

// Close gives the descriptor back. Files opened through d stay open.
func (d *Dir) Close() error { return d.f.Close() }

// Open opens rel with the flags of open(2); O_CLOEXEC is always set. "." and "/" are
// d itself; leading slashes count for nothing.
func (d *Dir) Open(rel string, flags int, perm uint32) (*os.File, error) {
	rel, err := clean(rel)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: rel, Err: err}
	}
	return openat(d.f, rel, flags, perm, uint64(d.links))
}

// Parent opens the directory that holds rel, as O_PATH, and gives rel's last
// component. The caller closes it.
func (d *Dir) Parent(rel string) (*os.File, string, error) {
	rel, err := clean(rel)
	if err == nil && rel == "." {
		err = ErrPath
	}
	if err != nil {
		return nil, "", &os.PathError{Op: "open", Path: rel, Err: err}
	}
	f, err := d.Open(path.Dir(rel), unix.O_PATH|unix.O_DIRECTORY, 0)
	return f, path.Base(rel), err
}

// MkdirAll makes rel and its missing parents, each with perm less the umask, and
// returns rel opened as O_PATH with the number of directories made; after an error too,
// as those stay. A directory that
// exists is left as it is. ENOSYS from mkdir, which some FUSE servers answer for a
// directory that is there, counts only when the directory cannot be opened either.
func (d *Dir) MkdirAll(rel string, perm uint32) (*os.File, int, error) {
	rel, err := clean(rel)
	if err != nil {
		return nil, 0, &os.PathError{Op: "mkdir", Path: rel, Err: err}
	}
	f, err := d.Open(rel, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err == nil || rel == "." || !errors.Is(err, unix.ENOENT) {
		return f, 0, err
	}
	parent, made, err := d.MkdirAll(path.Dir(rel), perm)
	if err != nil {
		return nil, made, err
	}
	defer parent.Close()
	name := path.Base(rel)
	mkErr := unix.Mkdirat(fdOf(parent), name, perm)
	if mkErr == nil {
		made++
	} else if mkErr != unix.EEXIST && mkErr != unix.ENOSYS {
		return nil, made, &os.PathError{Op: "mkdir", Path: parent.Name() + "/" + name, Err: mkErr}
	}
	f, err = OpenChild(parent, name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil && mkErr == unix.ENOSYS {
		err = &os.PathError{Op: "mkdir", Path: parent.Name() + "/" + name, Err: mkErr}
	}
	if err != nil && mkErr == nil && unix.Unlinkat(fdOf(parent), name, unix.AT_REMOVEDIR) == nil {
		made--
	}
	return f, made, err
}

// OpenChild opens name, one component, in the open directory parent. It never follows
// a link: with O_PATH a link itself may be opened, otherwise the answer is ELOOP
// (ENOTDIR with O_DIRECTORY).
func OpenChild(parent *os.File, name string, flags int, perm uint32) (*os.File, error) {
	if !isName(name) {
		return nil, &os.PathError{Op: "open", Path: name, Err: ErrPath}
	}
	return openat(parent, name, flags|unix.O_NOFOLLOW, perm, unix.RESOLVE_BENEATH)
}

// FDPath is the magic link of an open file: system calls that only take a path reach
// exactly that file through it, O_PATH descriptors included.
func FDPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(fdOf(f)) }

func openat(dir *os.File, rel string, flags int, perm uint32, resolve uint64) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	if flags&(unix.O_CREAT|unix.O_TMPFILE) != 0 {
		how.Mode = uint64(perm)
	}
	fd, err := retry(func() (int, error) { return unix.Openat2(fdOf(dir), rel, &how) })
	name := path.Join(dir.Name(), rel)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// retry repeats a look-up that was interrupted, or that the kernel gave up because a
// rename or mount went on meanwhile (openat2: EAGAIN); a tree renamed without end
// must not hold the caller, hence the limit.
func retry(open func() (int, error)) (fd int, err error) {
	for range 128 {
		if fd, err = open(); !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
	return fd, err
}

func clean(rel string) (string, error) {
	if rel == "" || strings.ContainsRune(rel, 0) {
		return rel, ErrPath
	}
	for c := range strings.SplitSeq(rel, "/") {
		if c == ".." {
			return rel, fmt.Errorf("%w: it has a \"..\"", ErrPath)
		}
	}
	if rel = strings.TrimLeft(rel, "/"); rel == "" {
		return ".", nil
	}
	return path.Clean(rel), nil
}

func isName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\x00")
}

func fdOf(f *os.File) int { return int(f.Fd()) }
