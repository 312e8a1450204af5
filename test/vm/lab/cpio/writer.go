// SPDX-License-Identifier: Apache-2.0

package cpio

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// File type bits of st_mode.
const (
	typeDirectory = 0o040000
	typeCharacter = 0o020000
	typeRegular   = 0o100000
	typeSymlink   = 0o120000
)

// Writer writes one archive. The first error sticks and is returned by Close.
type Writer struct {
	w     io.Writer
	inode int
	dirs  map[string]bool
	err   error
}

// NewWriter writes to w, which should be buffered.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, dirs: map[string]bool{"": true, ".": true}}
}

// Dir adds a directory and its parents. Adding it twice is no error.
func (c *Writer) Dir(name string) {
	name = clean(name)
	if c.dirs[name] {
		return
	}
	c.parents(name)
	c.dirs[name] = true
	c.entry(name, typeDirectory|0o755, 0, 0, nil)
}

// File adds a regular file with the permission bits of mode.
func (c *Writer) File(name string, mode uint32, data []byte) {
	c.parents(clean(name))
	c.entry(clean(name), typeRegular|mode, 0, 0, data)
}

// Symlink adds a link at name that points to target.
func (c *Writer) Symlink(name, target string) {
	c.parents(clean(name))
	c.entry(clean(name), typeSymlink|0o777, 0, 0, []byte(target))
}

// CharDevice adds a device node. The kernel opens /dev/console for PID 1 from
// the archive, before anything can mount devtmpfs.
func (c *Writer) CharDevice(name string, mode, major, minor uint32) {
	c.parents(clean(name))
	c.entry(clean(name), typeCharacter|mode, major, minor, nil)
}

// Close ends the archive with its trailer; it does not close the writer below.
func (c *Writer) Close() error {
	c.entry("TRAILER!!!", 0, 0, 0, nil)
	return c.err
}

func (c *Writer) parents(name string) {
	if dir := path.Dir(name); !c.dirs[dir] {
		c.Dir(dir)
	}
}

func (c *Writer) entry(name string, mode, major, minor uint32, data []byte) {
	if c.err != nil {
		return
	}
	c.inode++
	// magic, inode, mode, uid, gid, links, mtime, size, device of the file
	// (2), device of the node (2), name size with its NUL, checksum.
	head := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		c.inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0, name)
	for _, part := range [][]byte{[]byte(head), pad(len(head)), data, pad(len(data))} {
		if _, err := c.w.Write(part); err != nil {
			c.err = fmt.Errorf("cpio entry %s: %w", name, err)
			return
		}
	}
}

// pad fills up to the next multiple of four.
func pad(n int) []byte { return make([]byte, -n&3) }

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
