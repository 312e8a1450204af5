// SPDX-License-Identifier: Apache-2.0

package share

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Errors of requests that are wrong in themselves.
var (
	ErrOutside = errors.New("path is not below the directory of shared files")
	ErrType    = errors.New("only regular files, directories and symbolic links can be copied")
	ErrRange   = errors.New("size, offset and data do not fit each other")
	ErrOwner   = errors.New("owner is neither an id nor -1")
	// ErrFull is a request that would make more to be kept in mind than is kept of unfinished files.
	ErrFull = errors.New("too much is unfinished")
)

// defaultDirMode is for missing parents when the host names no mode; it is the one the
// hosts name otherwise.
const defaultDirMode = 0o750

// Request is one piece of a file, or a whole directory or link.
type Request struct {
	// Path is absolute, without "..", below the root of the tree.
	Path string
	// FileSize is the size in bytes of the complete regular file.
	FileSize int64
	// FileMode is a whole st_mode: type bits and 07777. No type bits mean a regular file.
	FileMode uint32
	// DirMode is the mode of missing parents; only the bits 0777 count, because hosts
	// written in Go send os.ModeDir along. 0 means 0750.
	DirMode uint32
	// UID and GID own the file; -1 leaves one as it is.
	UID, GID int32
	// Offset in bytes of Data in the regular file.
	Offset int64
	// Data are bytes of the regular file, or the target of the link.
	Data []byte
}

// kind is the type of the file by equality: a test of single bits would take a socket
// or a block device for a directory.
func (r *Request) kind() uint32 {
	if t := r.FileMode & unix.S_IFMT; t != 0 {
		return t
	}
	return unix.S_IFREG
}

func (r *Request) perm() uint32 { return r.FileMode & 0o7777 }

func (r *Request) dirPerm() uint32 {
	if p := r.DirMode & 0o777; p != 0 {
		return p
	}
	return defaultDirMode
}

// relative checks the request and gives its path below root.
func (r *Request) relative(root string) (string, error) {
	rel, ok := strings.CutPrefix(r.Path, strings.TrimRight(root, "/")+"/")
	if !ok || climbs(rel) || strings.ContainsRune(rel, 0) {
		return "", fmt.Errorf("%w %s", ErrOutside, root)
	}
	if rel = path.Clean("/" + rel); rel == "/" {
		return "", fmt.Errorf("%w %s, but that directory itself", ErrOutside, root)
	}
	if r.UID < -1 || r.GID < -1 {
		return "", fmt.Errorf("%w: %d:%d", ErrOwner, r.UID, r.GID)
	}
	switch r.kind() {
	case unix.S_IFDIR, unix.S_IFLNK:
	case unix.S_IFREG:
		if r.FileSize < 0 || r.Offset < 0 || r.Offset > math.MaxInt64-int64(len(r.Data)) ||
			r.Offset+int64(len(r.Data)) > r.FileSize {
			return "", fmt.Errorf("%w: %d bytes at %d of %d", ErrRange, len(r.Data), r.Offset, r.FileSize)
		}
	default:
		return "", fmt.Errorf("%w: mode %#o", ErrType, r.FileMode)
	}
	return rel[1:], nil
}

func climbs(rel string) bool {
	for c := range strings.SplitSeq(rel, "/") {
		if c == ".." {
			return true
		}
	}
	return false
}
