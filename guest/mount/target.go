// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"os"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// Open opens what is at target, a mount point mostly, as O_PATH, by the same rules as
// Mount finds it. A symbolic link is refused with ELOOP.
func (m Mounter) Open(target string) (*os.File, error) {
	p, err := m.open(target)
	if err != nil {
		return nil, err
	}
	p.parent.Close()
	return p.self, nil
}

// MkdirAll makes the directory target and its missing parents (0755 less the umask) by
// the same rules, and opens it as O_PATH. made tells whether target itself was made.
func (m Mounter) MkdirAll(target string) (dir *os.File, made bool, err error) {
	p, err := m.create(target, false)
	if err != nil {
		return nil, false, err
	}
	p.parent.Close()
	if !isDir(p.self) {
		p.self.Close()
		return nil, false, &os.PathError{Op: "mkdir", Path: target, Err: unix.ENOTDIR}
	}
	return p.self, p.created, nil
}

// OpenFile opens the regular file target for writing, making it (empty, 0644) and its
// parents if missing, by the same rules. made tells whether target itself was made.
func (m Mounter) OpenFile(target string) (f *os.File, made bool, err error) {
	p, err := m.create(target, true)
	if err != nil {
		return nil, false, err
	}
	defer p.close()
	var st unix.Stat_t
	if err := unix.Fstat(int(p.self.Fd()), &st); err != nil {
		return nil, p.created, &os.PathError{Op: "stat", Path: target, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, false, &os.PathError{Op: "open", Path: target, Err: unix.EINVAL}
	}
	f, err = os.OpenFile(safepath.FDPath(p.self), os.O_WRONLY, 0)
	return f, p.created, err
}

// RemoveAll removes target with all that is below it, by the same rules: no link is
// followed and no mount point crossed.
func (m Mounter) RemoveAll(target string) error {
	p, err := m.find(target)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.close()
	return safepath.RemoveAll(p.parent, p.name)
}
