// SPDX-License-Identifier: Apache-2.0

package fsgroup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// Policy says when the files of a volume are looked at.
type Policy int32

// The policies of Kubernetes' fsGroupChangePolicy, with the numbers of the Kata API.
const (
	Always         Policy = 0
	OnRootMismatch Policy = 1
)

// Group is a volume's group.
type Group struct {
	ID     uint32
	Policy Policy
}

// The bits each file and each directory gets, beside those it has.
const (
	filePerm = 0o660
	dirPerm  = filePerm | unix.S_ISGID | 0o110
)

// maxHop is how much of a path is looked up at once; deeper directories than PATH_MAX
// allows are reached in hops.
const maxHop = 2048

// Apply gives the volume whose root is open (O_PATH will do) to the group: every file
// gets the group id and the bits 0660, every directory 02110 as well; owners stay. The
// root comes last, so that OnRootMismatch finds a volume half done by an earlier call
// mismatched. A read-only volume is left as it is.
func Apply(ctx context.Context, root *os.File, g Group) error {
	if g.ID == ^uint32(0) {
		return fmt.Errorf("give %s to group %d: not a group id", root.Name(), g.ID)
	}
	var fs unix.Statfs_t
	var st unix.Stat_t
	fd := int(root.Fd())
	err := unix.Fstatfs(fd, &fs)
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		return fmt.Errorf("give %s to group %d: %w", root.Name(), g.ID, err)
	}
	if fs.Flags&unix.ST_RDONLY != 0 || g.Policy == OnRootMismatch && g.has(&st) {
		return nil
	}
	if isDir(&st) {
		w := walk{group: g, volume: safepath.At(root, safepath.Volume), dirs: []string{"."}}
		if err := w.run(ctx); err != nil {
			return fmt.Errorf("give %s to group %d: %w", root.Name(), g.ID, err)
		}
	}
	if err := g.give(root); err != nil {
		return fmt.Errorf("give %s to group %d: %w", root.Name(), g.ID, err)
	}
	return nil
}

// has reports whether a file needs no change.
func (g Group) has(st *unix.Stat_t) bool {
	return st.Gid == g.ID && st.Mode&want(st) == want(st)
}

func want(st *unix.Stat_t) uint32 {
	if isDir(st) {
		return dirPerm
	}
	return filePerm
}

func isDir(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

// give changes one open file. The mode comes after the group, because a change of
// group takes set-id bits away.
func (g Group) give(f *os.File) error {
	var st unix.Stat_t
	fd := int(f.Fd())
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK || g.has(&st) {
		return nil
	}
	if err := unix.Fchownat(fd, "", -1, int(g.ID), unix.AT_EMPTY_PATH); err != nil {
		return &os.PathError{Op: "chown", Path: f.Name(), Err: err}
	}
	if err := unix.Chmod(safepath.FDPath(f), st.Mode&0o7777|want(&st)); err != nil {
		return &os.PathError{Op: "chmod", Path: f.Name(), Err: err}
	}
	return nil
}

// walk visits a volume; directories wait by name and not by descriptor, so that a deep
// tree does not use the agent's descriptors up.
type walk struct {
	group  Group
	volume *safepath.Dir
	dirs   []string // not yet visited, below the root
}

func (w *walk) run(ctx context.Context) error {
	for len(w.dirs) > 0 {
		rel := w.dirs[len(w.dirs)-1]
		w.dirs = w.dirs[:len(w.dirs)-1]
		dir, err := w.open(rel)
		if gone(err) {
			continue
		}
		if err == nil {
			err = w.visit(ctx, dir, rel)
			dir.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open opens a directory of the volume in as many look-ups as its path needs.
func (w *walk) open(rel string) (*os.File, error) {
	at, opened := w.volume, (*os.File)(nil)
	for {
		hop := rel
		if len(rel) > maxHop {
			hop = rel[:strings.LastIndexByte(rel[:maxHop], '/')]
		}
		f, err := at.Open(hop, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if opened != nil {
			opened.Close()
		}
		if err != nil || hop == rel {
			return f, err
		}
		rel = rel[len(hop)+1:]
		at, opened = safepath.At(f, safepath.Volume), f
	}
}

func (w *walk) visit(ctx context.Context, dir *os.File, rel string) error {
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if err := w.entry(dir, rel, name); err != nil && !gone(err) {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
	}
}

// entry changes one entry and remembers directories.
func (w *walk) entry(dir *os.File, rel, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "stat", Path: dir.Name() + "/" + name, Err: err}
	}
	if isDir(&st) {
		w.dirs = append(w.dirs, rel+"/"+name)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK || w.group.has(&st) {
		return nil
	}
	// A mount point is opened as what is mounted there: that is not the volume's.
	f, err := safepath.At(dir, safepath.Volume).Open(name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.group.give(f)
}

// gone tells of entries that vanished, were exchanged for something else or belong to
// another mount.
func gone(err error) bool {
	for _, e := range []error{unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EXDEV} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
