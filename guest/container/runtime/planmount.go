// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// cleared are the attributes that mount(2) takes away from a mount, when it changes it, unless they
// are asked for again. Those about access times stay if none is named.
const cleared = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV |
	unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW

const (
	timeFlags      = unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME | unix.MS_STRICTATIME
	timeAttributes = unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
)

// attributes are the attributes of a new mount with these flags of mount(2).
func attributes(flags int) (a uint64) {
	for flag, attribute := range map[int]uint64{
		unix.MS_RDONLY: unix.MOUNT_ATTR_RDONLY, unix.MS_NOSUID: unix.MOUNT_ATTR_NOSUID,
		unix.MS_NODEV: unix.MOUNT_ATTR_NODEV, unix.MS_NOEXEC: unix.MOUNT_ATTR_NOEXEC,
		unix.MS_NODIRATIME: unix.MOUNT_ATTR_NODIRATIME, unix.MS_NOSYMFOLLOW: unix.MOUNT_ATTR_NOSYMFOLLOW,
	} {
		if flags&flag != 0 {
			a |= attribute
		}
	}
	switch {
	case flags&unix.MS_STRICTATIME != 0:
		a |= unix.MOUNT_ATTR_STRICTATIME
	case flags&unix.MS_NOATIME != 0:
		a |= unix.MOUNT_ATTR_NOATIME
	}
	return a
}

// change is what mount(2) with MS_REMOUNT|MS_BIND makes of a mount's attributes.
func change(flags int) nsexec.Attributes {
	set := attributes(flags)
	c := nsexec.Attributes{Set: set, Clear: cleared &^ set}
	if flags&timeFlags != 0 {
		c.Clear |= timeAttributes
	} else {
		c.Set &^= timeAttributes
	}
	return c
}

// isLate tells whether a mount is made read-only at the end: until then it is written to.
func isLate(m *configs.Mount) bool {
	return m.Flags&unix.MS_RDONLY != 0 && m.Device != "bind" &&
		(m.Device == "tmpfs" || filepath.Clean("/"+m.Destination) == "/dev")
}

// keptMounts counts those.
func keptMounts(config *configs.Config) (n int) {
	for _, m := range config.Mounts {
		if isLate(m) {
			n++
		}
	}
	return n
}

// mount plans one mount.
func (b *planner) mount(m *configs.Mount) error {
	target := filepath.Clean("/" + m.Destination)
	switch {
	case m.Device == "bind":
		b.bind(m, target)
	case m.Device == "cgroup" && cgroups.IsCgroup2UnifiedMode():
		b.fileSystem(m, "cgroup2", target)
		return nil // libcontainer sets no propagation here
	case m.Device == "cgroup":
		return b.cgroups(m, target)
	default:
		b.fileSystem(m, m.Device, target)
	}
	b.propagate(m)
	return nil
}

func (b *planner) propagate(m *configs.Mount) {
	for _, flags := range m.PropagationFlags {
		b.Propagate(uint64(flags))
	}
}

// bind plans a bind mount. One without any option keeps the attributes of its source.
func (b *planner) bind(m *configs.Mount, target string) {
	var a *nsexec.Attributes
	if m.Flags&^(unix.MS_BIND|unix.MS_REC|unix.MS_REMOUNT) != 0 || m.ClearedFlags != 0 {
		changed := change(m.Flags)
		a = &changed
	}
	b.Bind(m.Source, target, m.Flags&unix.MS_REC != 0, a)
}

// fileSystem plans a mount that is none of something that exists.
func (b *planner) fileSystem(m *configs.Mount, kind, target string) {
	flags := m.Flags
	if isLate(m) {
		flags &^= unix.MS_RDONLY
	}
	slot := b.Mount(nsexec.Mount{
		Type: kind, Source: m.Source, Target: target, Data: m.Data, Attributes: attributes(flags),
		ReadOnly: flags&unix.MS_RDONLY != 0, Strict: kind == "proc" || kind == "sysfs", Mode: kind == "tmpfs", Keep: isLate(m),
	})
	if isLate(m) {
		b.late = append(b.late, late{slot, change(m.Flags)})
	}
}

// hierarchyFlags are those of cgroup hierarchies in a container, and of the directory they are in.
const hierarchyFlags = unix.MS_NOEXEC | unix.MS_NOSUID | unix.MS_NODEV

// cgroups plans a directory with the hierarchies of cgroup v1: each one itself in a cgroup namespace of
// the container's own, else the container's cgroup in it.
func (b *planner) cgroups(m *configs.Mount, target string) error {
	hierarchies, err := cgroups.GetCgroupMounts(false)
	if err != nil {
		return err
	}
	own, err := cgroups.ParseCgroupFile(filepath.Join(b.c.options.Proc, "self/cgroup"))
	if err != nil {
		return err
	}
	b.Mount(nsexec.Mount{
		Type: "tmpfs", Source: "tmpfs", Target: target, Data: "mode=755", Attributes: attributes(hierarchyFlags), Mode: true,
	})
	b.propagate(m)
	var merged []string
	for _, h := range hierarchies {
		name := filepath.Base(h.Mountpoint)
		if strings.Contains(name, ",") {
			merged = append(merged, name)
		}
		place := filepath.Join(target, name)
		if b.c.config.Namespaces.Contains(configs.NEWCGROUP) {
			b.hierarchy(m, name, place)
			continue
		}
		source, err := b.cgroupOf(h, own)
		if err != nil {
			return err
		}
		b.bind(&configs.Mount{Source: source, Flags: unix.MS_BIND | unix.MS_REC | m.Flags}, place)
		b.propagate(m)
	}
	for _, name := range merged {
		for controller := range strings.SplitSeq(name, ",") {
			b.Link(name, filepath.Join(target, controller))
		}
	}
	return nil
}

func (b *planner) hierarchy(m *configs.Mount, name, place string) {
	source, data := "cgroup", name
	if name == "systemd" {
		source, data = "systemd", cgroups.CgroupNamePrefix+name
	}
	b.Mount(nsexec.Mount{
		Type: "cgroup", Source: source, Target: place, Data: data,
		Attributes: attributes(hierarchyFlags | m.Flags&unix.MS_RDONLY), ReadOnly: m.Flags&unix.MS_RDONLY != 0,
	})
}

// cgroupOf is the directory of the container's cgroup in a hierarchy; one that containers have no
// cgroup in shows where the agent is.
func (b *planner) cgroupOf(h cgroups.Mount, own map[string]string) (string, error) {
	paths := b.c.cgroup.GetPaths()
	for _, controller := range h.Subsystems {
		for _, name := range []string{controller, cgroups.CgroupNamePrefix + controller} {
			if path := paths[name]; path != "" {
				return path, nil
			}
		}
	}
	dir, err := h.GetOwnCgroup(own)
	if err != nil {
		return "", err
	}
	below, err := filepath.Rel(h.Root, dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(h.Mountpoint, below), nil
}
