// SPDX-License-Identifier: Apache-2.0

package share

import (
	"fmt"
	"os"
	"path"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// DefaultRoot is where the hosts send files.
const DefaultRoot = "/run/kata-containers/shared/containers"

// abandoned is how long an upload may rest before its bytes are cleared away. Hosts
// send the pieces of a file one after the other without a pause.
const abandoned = 10 * time.Minute

// What is kept of uploads at most. Hosts send one file after the other, each in order.
const (
	maxUploads = 1024 // unfinished files
	maxPieces  = 1024 // parts of one file that do not touch each other
)

// Tree is a directory files are received in. The zero value is not usable.
type Tree struct {
	root string
	now  func() time.Time

	mu      sync.Mutex
	uploads map[string]*upload // by path below root
}

// NewTree makes a tree of the directory root, DefaultRoot if empty. It is made with
// the first file.
func NewTree(root string) *Tree {
	if root == "" {
		root = DefaultRoot
	}
	return &Tree{root: root, now: time.Now, uploads: map[string]*upload{}}
}

// Copy takes one request. Missing parents are made with DirMode, the nearest with the
// owner of the file; existing ones stay as they are. An existing directory keeps its
// content. It may be called from many goroutines.
func (t *Tree) Copy(r Request) error {
	if err := t.copy(&r); err != nil {
		return fmt.Errorf("copy file %q: %w", r.Path, err)
	}
	return nil
}

func (t *Tree) copy(r *Request) error {
	rel, err := r.relative(t.root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(t.root, 0o755); err != nil {
		return err
	}
	d, err := safepath.Open(t.root, safepath.Rebase)
	if err != nil {
		return err
	}
	defer d.Close()
	t.sweep(d)
	u, err := t.lock(rel)
	if err != nil {
		return err
	}
	defer u.mu.Unlock()
	parent, err := makeParent(d, rel, r)
	if err != nil {
		t.end(rel, u)
		return err
	}
	defer parent.Close()
	done := true
	switch r.kind() {
	case unix.S_IFREG:
		done, err = u.take(parent, rel, r)
	case unix.S_IFDIR:
		err = copyDir(parent, rel, r)
	case unix.S_IFLNK:
		err = copyLink(parent, rel, r)
	}
	if done || err != nil {
		t.end(rel, u)
	}
	return err
}

// makeParent opens the directory that holds rel, making what is missing of it.
func makeParent(d *safepath.Dir, rel string, r *Request) (*os.File, error) {
	parent, made, err := d.MkdirAll(path.Dir(rel), r.dirPerm())
	if err != nil {
		return nil, err
	}
	if made == 0 {
		return parent, nil
	}
	if err = own(parent, r); err == nil {
		err = chmod(parent, r.dirPerm())
	}
	if err != nil {
		parent.Close()
		return nil, err
	}
	return parent, nil
}

func own(f *os.File, r *Request) error {
	if err := unix.Fchownat(int(f.Fd()), "", int(r.UID), int(r.GID), unix.AT_EMPTY_PATH); err != nil {
		return &os.PathError{Op: "chown", Path: f.Name(), Err: err}
	}
	return nil
}

// chmod comes after own: a change of owner takes the set-id bits away.
func chmod(f *os.File, perm uint32) error {
	if err := unix.Chmod(safepath.FDPath(f), perm); err != nil {
		return &os.PathError{Op: "chmod", Path: f.Name(), Err: err}
	}
	return nil
}
