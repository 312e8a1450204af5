// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/guest/mount"
)

// Paths of the real system.
const (
	DefaultResolvConf = "/etc/resolv.conf"
	DefaultContent    = "/run/kata-containers/sandbox/resolv.conf"
)

// ResolvConf is the guest's resolver configuration; the zero value is the real one.
type ResolvConf struct {
	// Path is the file programs read, DefaultResolvConf if empty.
	Path string
	// Content is the file bound over it, as /etc may be read-only; DefaultContent if empty.
	Content string
	// Mounts makes the bind.
	Mounts mount.Mounter
}

// Apply writes the lines of a resolv.conf, trimmed, joined by newlines and without a
// last one, and binds them over Path. No lines, or a guest without the file, is nothing
// to do. undo takes it back; it is never nil.
func (r ResolvConf) Apply(lines []string) (undo func() error, err error) {
	nothing := func() error { return nil }
	if r.Path == "" {
		r.Path = DefaultResolvConf
	}
	if r.Content == "" {
		r.Content = DefaultContent
	}
	if len(lines) == 0 {
		return nothing, nil
	}
	// The file is often a link into /run: the mount goes on what programs reach.
	target, err := filepath.EvalSymlinks(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nothing, nil
	}
	if err != nil {
		return nothing, fmt.Errorf("find %s: %w", r.Path, err)
	}
	if st, err := os.Stat(target); err != nil {
		return nothing, fmt.Errorf("find %s: %w", r.Path, err)
	} else if st.IsDir() {
		return nothing, fmt.Errorf("%s is a directory", r.Path)
	}
	if err := r.write(lines); err != nil {
		return nothing, err
	}
	made, err := r.Mounts.Mount(mount.Spec{Source: r.Content, Target: target, FSType: "bind"})
	if err != nil {
		return nothing, errors.Join(err, os.Remove(r.Content))
	}
	return func() error {
		if err := r.Mounts.Undo(made); err != nil {
			return err
		}
		return remove(r.Content)
	}, nil
}

// Clear removes what Apply of an agent that has died has left: the file, and the bind mount, which is
// recognised by that file. It tells whether there was any.
func (r ResolvConf) Clear() (bool, error) {
	if r.Path == "" {
		r.Path = DefaultResolvConf
	}
	if r.Content == "" {
		r.Content = DefaultContent
	}
	ours, err := os.Stat(r.Content)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("clear resolver configuration: %w", err)
	}
	if target, err := filepath.EvalSymlinks(r.Path); err == nil {
		if bound, err := os.Stat(target); err == nil && os.SameFile(ours, bound) {
			if err := r.Mounts.Unmount(target); err != nil {
				return true, fmt.Errorf("clear resolver configuration: %w", err)
			}
		}
	}
	if err := os.Remove(r.Content); err != nil {
		return true, fmt.Errorf("clear resolver configuration: %w", err)
	}
	return true, nil
}

// write replaces the file in one step, so that no reader of an earlier bind sees half.
func (r ResolvConf) write(lines []string) error {
	trimmed := make([]string, len(lines))
	for i, l := range lines {
		trimmed[i] = strings.TrimSpace(l)
	}
	if err := os.MkdirAll(filepath.Dir(r.Content), 0o755); err != nil {
		return fmt.Errorf("write resolver configuration: %w", err)
	}
	tmp := r.Content + ".new"
	if err := os.WriteFile(tmp, []byte(strings.Join(trimmed, "\n")), 0o644); err != nil {
		return fmt.Errorf("write resolver configuration: %w", errors.Join(err, remove(tmp)))
	}
	if err := os.Rename(tmp, r.Content); err != nil {
		return fmt.Errorf("write resolver configuration: %w", errors.Join(err, remove(tmp)))
	}
	return nil
}

// remove removes a file that may not be there.
func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
