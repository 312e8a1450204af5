// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Table lists the mounts of the agent's namespace below prefix (all if "/"), in the
// order they were made, with the octal escapes of mount points undone. It touches no
// mounted file system.
func (m Mounter) Table(prefix string) ([]*mountinfo.Info, error) {
	proc := m.Proc
	if proc == "" {
		proc = "/proc"
	}
	f, err := os.Open(path.Join(proc, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("read mount table: %w", err)
	}
	defer f.Close()
	prefix = path.Clean(prefix)
	infos, err := mountinfo.GetMountsFromReader(f, func(i *mountinfo.Info) (skip, stop bool) {
		return prefix != "/" && i.Mountpoint != prefix && !strings.HasPrefix(i.Mountpoint, prefix+"/"), false
	})
	if err != nil {
		return nil, fmt.Errorf("read mount table: %w", err)
	}
	return infos, nil
}

// IsMounted reports whether something is mounted exactly on target, a path without
// links. It does not touch target.
func (m Mounter) IsMounted(target string) (bool, error) {
	i, err := m.top(path.Clean(target))
	return i != nil, err
}

// top is the uppermost mount on target, nil if there is none.
func (m Mounter) top(target string) (*mountinfo.Info, error) {
	infos, err := m.Table(target)
	if err != nil {
		return nil, err
	}
	var top *mountinfo.Info
	for _, i := range infos {
		if i.Mountpoint == target {
			top = i
		}
	}
	return top, nil
}

// present reports whether the wanted mount is there already.
func (m Mounter) present(p *place, s Spec, o Options) (bool, error) {
	if o.Flags&(unix.MS_BIND|unix.MS_REMOUNT) != 0 || s.FSType == "overlay" || !maybeMountPoint(p.self) {
		return false, nil
	}
	target, err := os.Readlink(safepath.FDPath(p.self))
	if err != nil {
		return false, err
	}
	top, err := m.top(target)
	if top == nil || err != nil {
		return false, err
	}
	return s.Source == SharedSource || top.FSType == s.FSType && top.Source == s.Source, nil
}
