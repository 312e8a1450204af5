// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// source is what a bind mount of a spec has to show.
type source struct {
	path, destination string
	file              *os.File // O_PATH
}

// sources are those binds of a spec that lie where containers can write, and so could have put a
// link in the way. libcontainer takes paths only, and follows every link in them, so they are looked
// at twice: before, whether they stay where they are, and when the container stands, whether it has
// got what was looked at. Nothing of the container runs in between.
type sources struct {
	mounts mount.Mounter
	list   []source
}

// openSources refuses a bind whose source is no absolute path, which libcontainer would take as one
// from the directory that the agent was started in, and one that leads out of a directory that
// containers can write below.
func openSources(mounts mount.Mounter, spec *specs.Spec) (_ *sources, err error) {
	s := &sources{mounts: mounts}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for i, m := range spec.Mounts {
		if !isBind(m) {
			continue
		}
		if filepath.IsAbs(m.Source) && !mounts.IsConfined(m.Source) {
			continue
		}
		f, err := mounts.OpenSource(m.Source)
		if err != nil {
			return nil, fmt.Errorf("mount %q: %w", m.Destination, err)
		}
		if hidden(m.Destination, spec, i) {
			f.Close() // nobody sees what is there
			continue
		}
		s.list = append(s.list, source{m.Source, m.Destination, f})
	}
	return s, nil
}

// isBind is what libcontainer takes for one.
func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// hidden tells whether something lies over the destination of the i-th mount.
func hidden(destination string, spec *specs.Spec, i int) bool {
	over := spec.Linux.MaskedPaths
	for _, m := range spec.Mounts[i+1:] {
		over = append(slices.Clip(over), m.Destination)
	}
	return slices.ContainsFunc(over, func(p string) bool {
		return strings.HasPrefix(path.Clean("/"+destination)+"/", strings.TrimSuffix(path.Clean("/"+p), "/")+"/")
	})
}

func (s *sources) close() {
	for _, one := range s.list {
		one.file.Close()
	}
}

// check looks at the mounts of the container whose init is the process pid.
func (s *sources) check(proc string, pid int) error {
	if len(s.list) == 0 {
		return nil
	}
	root, err := safepath.Open(filepath.Join(proc, strconv.Itoa(pid), "root"), safepath.Rebase)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // init has been killed already, and nothing will ever run in the container
	}
	if err != nil {
		return err
	}
	defer root.Close()
	for _, one := range s.list {
		mounted, err := root.Open(path.Clean("/"+one.destination), unix.O_PATH, 0)
		if err != nil {
			return fmt.Errorf("mount %q: %w", one.destination, err)
		}
		same := s.same(one, mounted)
		mounted.Close()
		if !same {
			return fmt.Errorf("mount %q: the source %q was exchanged while it was mounted", one.destination, one.path)
		}
	}
	return nil
}

// same tells whether what is mounted is the source, as it was or, since the host may replace a file
// at any time, as it is now.
func (s *sources) same(one source, mounted *os.File) bool {
	if sameFile(one.file, mounted) {
		return true
	}
	now, err := s.mounts.OpenSource(one.path)
	if err != nil {
		return false
	}
	defer now.Close()
	return sameFile(now, mounted)
}

func sameFile(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}
