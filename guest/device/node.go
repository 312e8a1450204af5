// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Node is a device node of the guest.
type Node struct {
	Path         string
	Type         string // "b" or "c", as in the OCI specification
	Major, Minor int64
}

// Stat looks at a node. It follows links, as /dev has some.
func Stat(path string) (Node, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if errors.Is(err, fs.ErrNotExist) {
		return Node{}, fmt.Errorf("VM device path %q doesn't exist: %w", path, err)
	}
	if err != nil {
		return Node{}, fmt.Errorf("stat device %s: %w", path, err)
	}
	n := Node{Path: path, Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev))}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		n.Type = "b"
	case unix.S_IFCHR:
		n.Type = "c"
	default:
		return Node{}, fmt.Errorf("Unknown device cgroup type of %s: mode %#o", path, st.Mode) // known text
	}
	return n, nil
}

// StatBlock looks at the node of a disk.
func StatBlock(path string) (Node, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Node{}, fmt.Errorf("get metadata on file %q: %w", path, err)
	}
	// Of the type bits, those of a block device include those of a character device and of
	// a directory: they must be compared as a whole.
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return Node{}, fmt.Errorf("Invalid device %s: not a block device", path) // known text
	}
	return Stat(path)
}
