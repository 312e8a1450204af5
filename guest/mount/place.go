// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// ErrTarget says that a mount point is not an absolute path without "..", or is "/".
var ErrTarget = errors.New("not an absolute path without \"..\"")

// ErrSource says that the source of a bind is no absolute path.
var ErrSource = errors.New("the source of a bind is not an absolute path")

// defaultConfined are the directories containers and volumes can write below.
var defaultConfined = []string{"/run/kata-containers"}

// Mounter holds the roots of the system; the zero value is the real ones.
type Mounter struct {
	// Proc is where procfs is read for the mount table, "/proc" if empty.
	Proc string
	// Confined are the directories below which no link is followed. If nil:
	// /run/kata-containers. Each counts below /run/user/<uid> too.
	Confined []string
}

// place is a mount point: the directory that holds it, its name there, and itself.
type place struct {
	path    string
	parent  *os.File
	name    string
	self    *os.File
	created bool
	file    bool
}

func (p *place) close() {
	if p.self != nil {
		p.self.Close()
	}
	p.parent.Close()
}

// base gives the directory a look-up of target starts at, and the rest of the path.
func (m Mounter) base(target string) (*safepath.Dir, string, error) {
	if !valid(target) {
		return nil, "", fmt.Errorf("mount point %q: %w", target, ErrTarget)
	}
	target = path.Clean(target)
	root := m.confinedRoot(target)
	if root == "" {
		d, err := safepath.Open("/", safepath.Rebase)
		return d, target, err
	}
	d, err := safepath.Open(root, safepath.Refuse)
	return d, strings.TrimPrefix(target, root), err
}

func valid(target string) bool {
	return path.IsAbs(target) && path.Clean(target) != "/" && !strings.ContainsRune(target, 0) &&
		!strings.Contains(target+"/", "/../")
}

// IsConfined tells whether target lies in a directory that containers and volumes can write below.
func (m Mounter) IsConfined(target string) bool { return m.confinedRoot(path.Clean(target)) != "" }

// confinedRoot is the confined directory target lies strictly below, or "".
func (m Mounter) confinedRoot(target string) string {
	confined := m.Confined
	if confined == nil {
		confined = defaultConfined
	}
	user := ""
	if rest, ok := strings.CutPrefix(target, "/run/user/"); ok {
		uid, _, _ := strings.Cut(rest, "/")
		user = "/run/user/" + uid
	}
	for _, c := range confined {
		if strings.HasPrefix(target, c+"/") {
			return c
		}
		if user != "" && strings.HasPrefix(target, user+c+"/") {
			return user + c
		}
	}
	return ""
}

// Confines tells whether target is an absolute path without ".." below one of the Confined
// directories.
func (m Mounter) Confines(target string) bool {
	return valid(target) && m.confinedRoot(path.Clean(target)) != ""
}

// find opens the parent of an existing or future mount point.
func (m Mounter) find(target string) (*place, error) {
	d, rel, err := m.base(target)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	parent, name, err := d.Parent(rel)
	if err != nil {
		return nil, err
	}
	return &place{path: path.Clean(target), parent: parent, name: name}, nil
}

// open opens the mount point itself; what is mounted there already is what it finds.
func (m Mounter) open(target string) (*place, error) {
	p, err := m.find(target)
	if err != nil {
		return nil, err
	}
	p.self, err = safepath.OpenChild(p.parent, p.name, unix.O_PATH, 0)
	if err == nil {
		err = p.refuseLink()
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// create opens the mount point, making its parents (0755) and itself: a directory, or
// an empty file if file is set.
func (m Mounter) create(target string, file bool) (*place, error) {
	if root := m.confinedRoot(path.Clean(target)); root != "" {
		if err := os.MkdirAll(root, 0o755); err != nil {
			return nil, err
		}
	}
	d, rel, err := m.base(target)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	parent, _, err := d.MkdirAll(path.Dir(rel), 0o755)
	if err != nil {
		return nil, err
	}
	p := &place{path: path.Clean(target), parent: parent, name: path.Base(rel), file: file}
	if err = p.make(); err == nil {
		p.self, err = safepath.OpenChild(parent, p.name, unix.O_PATH, 0)
	}
	if err == nil {
		err = p.refuseLink()
	}
	if err != nil {
		err = errors.Join(err, p.takeBack())
		p.close()
		return nil, err
	}
	return p, nil
}

// takeBack removes what make has made.
func (p *place) takeBack() error {
	if !p.created {
		return nil
	}
	flags := unix.AT_REMOVEDIR
	if p.file {
		flags = 0
	}
	if err := unix.Unlinkat(int(p.parent.Fd()), p.name, flags); err != nil {
		return &os.PathError{Op: "remove mount point", Path: p.path, Err: err}
	}
	return nil
}

// make makes the last component if it is missing. ENOSYS is what some virtio-fs
// servers answer for a directory that exists; opening it decides.
func (p *place) make() error {
	var err error
	if p.file {
		var fd int
		if fd, err = unix.Openat(int(p.parent.Fd()), p.name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_WRONLY|unix.O_CLOEXEC, 0o644); err == nil {
			unix.Close(fd)
		}
	} else {
		err = unix.Mkdirat(int(p.parent.Fd()), p.name, 0o755)
	}
	p.created = err == nil
	if err == nil || err == unix.EEXIST || err == unix.ENOSYS {
		return nil
	}
	return &os.PathError{Op: "create mount point", Path: p.path, Err: err}
}

// refuseLink fails if the mount point is a symbolic link: mounting over a link, or
// through it, is never what was asked for.
func (p *place) refuseLink() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(p.self.Fd()), &st); err != nil {
		return &os.PathError{Op: "stat mount point", Path: p.path, Err: err}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return &os.PathError{Op: "open mount point", Path: p.path, Err: unix.ELOOP}
	}
	return nil
}
