// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// SharedSource is the tag of the file system the host shares with the sandbox; a guest
// image may have mounted it before the agent was asked to.
const SharedSource = "kataShared"

// ErrIncomplete says that a Spec lacks its source, target or file system type.
var ErrIncomplete = errors.New("source, target and file system type are needed")

// Spec is one mount as a host asks for it.
type Spec struct {
	// Source is a device node, a directory or file for bind, a share's tag, or any
	// word for a file system without a source.
	Source string
	// Target is the absolute path of the mount point; it is made if missing.
	Target string
	// FSType is a kernel file system type, or "bind".
	FSType string
	// Options are option words; see ParseOptions.
	Options []string
}

// Made is what a Mount changed, for Undo.
type Made struct {
	// Target is the mount point, cleaned.
	Target string
	// Mounted is false if the wanted mount was there already.
	Mounted bool
	// Created tells that the mount point itself was made; its parents stay.
	Created bool
}

// Mount makes the mount point and mounts on it. A mount that is there already is
// accepted, and not Undo's to take away: the host's share (source "kataShared") whatever
// its type, else one of the same type and source, but never a bind or an overlay, whose
// source says nothing, and never with the word "remount". Nothing is left behind on an
// error, but for what Made then says: what could not be taken back.
func (m Mounter) Mount(s Spec) (Made, error) {
	made, err := m.mount(s)
	if err != nil {
		return made, fmt.Errorf("mount %q on %q as %s: %w", s.Source, s.Target, s.FSType, err)
	}
	return made, nil
}

func (m Mounter) mount(s Spec) (Made, error) {
	if s.Source == "" || s.Target == "" || s.FSType == "" {
		return Made{}, ErrIncomplete
	}
	o, err := ParseOptions(s.Options)
	if err != nil {
		return Made{}, err
	}
	if s.FSType == "bind" && o.Flags&unix.MS_REMOUNT == 0 {
		o.Flags |= unix.MS_BIND
	}
	source, err := m.openSource(s, o)
	if err != nil {
		return Made{}, err
	}
	if source != nil {
		defer source.Close()
	}
	p, err := m.create(s.Target, source != nil && !isDir(source))
	if err != nil {
		return Made{}, err
	}
	made := Made{Target: p.path, Created: p.created}
	if made.Mounted, err = m.mountAt(p, s, o, source); err != nil {
		p.close()
		if undone := m.Undo(made); undone != nil {
			return made, errors.Join(err, undone)
		}
		return Made{}, err
	}
	p.close()
	return made, nil
}

// mountAt mounts on an opened mount point and reports whether a mount was made, also
// when a later step failed.
func (m Mounter) mountAt(p *place, s Spec, o Options, source *os.File) (bool, error) {
	if present, err := m.present(p, s, o); present || err != nil {
		return false, err
	}
	from := s.Source
	if source != nil {
		from = safepath.FDPath(source)
	}
	if o.tooLong() && s.FSType == "overlay" {
		if err := mountOverlay(p, s.Source, o); err != nil {
			return false, err
		}
	} else if o.tooLong() {
		return false, fmt.Errorf("options of %d bytes do not fit a page", len(o.Data))
	} else if err := unix.Mount(from, safepath.FDPath(p.self), s.FSType, o.Flags, o.Data); err != nil {
		return false, err
	}
	if o.Flags&unix.MS_REMOUNT != 0 {
		return false, nil
	}
	return true, settle(p, o)
}

// settle applies what the kernel takes only in calls of their own, on the new mount:
// the flags of a bind, and propagation.
func settle(p *place, o Options) error {
	const perMount = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC |
		unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME | unix.MS_STRICTATIME
	restrict := o.Flags&unix.MS_BIND != 0 && (o.Flags|o.Cleared)&perMount != 0
	if !restrict && o.Propagation == 0 {
		return nil
	}
	top, err := safepath.OpenChild(p.parent, p.name, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer top.Close()
	if restrict {
		flags, err := currentFlags(top)
		if err != nil {
			return err
		}
		flags = flags&^o.Cleared | o.Flags&perMount
		if err := unix.Mount("", safepath.FDPath(top), "", flags|unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("set the flags of the bind: %w", err)
		}
	}
	if o.Propagation != 0 {
		if err := unix.Mount("", safepath.FDPath(top), "", o.Propagation, ""); err != nil {
			return fmt.Errorf("set propagation: %w", err)
		}
	}
	return nil
}

// openSource opens the source of a bind; other sources are the file system's affair.
func (m Mounter) openSource(s Spec, o Options) (*os.File, error) {
	if o.Flags&unix.MS_BIND == 0 || o.Flags&unix.MS_REMOUNT != 0 {
		return nil, nil
	}
	return m.OpenSource(s.Source)
}

// OpenSource opens what is to be bound or copied elsewhere, as O_PATH. Below the
// confined directories links may be passed as long as they stay inside (else EXDEV). A relative path,
// which would lead from wherever the agent was started, is ErrSource.
func (m Mounter) OpenSource(source string) (*os.File, error) {
	if !path.IsAbs(source) {
		return nil, fmt.Errorf("%w: %q", ErrSource, source)
	}
	source = path.Clean(source)
	root := m.confinedRoot(source)
	if root == "" {
		fd, err := unix.Open(source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: source, Err: err}
		}
		return os.NewFile(uintptr(fd), source), nil
	}
	d, err := safepath.Open(root, safepath.Inside)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Open(source[len(root):], unix.O_PATH, 0)
}

func isDir(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}
