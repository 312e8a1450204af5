// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/moby/sys/mountinfo"
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// maxKept is how many mounts may have to be made read-only at the end.
const maxKept = nsexec.MaxSlots

// planner makes the plan of a container: the same steps as libcontainer's, in the same order.
type planner struct {
	*nsexec.Plan
	c *Container
	// late are the mounts that become read-only at the end, by slot.
	late []late
}

type late struct {
	slot       uint32
	attributes nsexec.Attributes
}

// plan makes the plan of the container's init.
func (c *Container) plan(p CreateOptions) (*nsexec.Plan, error) {
	b := &planner{Plan: &nsexec.Plan{Unshare: c.direct.unshare}, c: c}
	if len(c.config.Networks) > 0 {
		b.Loopback()
	}
	own, parent := uint64(unix.MS_SLAVE|unix.MS_REC), uint64(unix.MS_PRIVATE)
	if flags := c.config.RootPropagation; flags != 0 {
		own = uint64(flags)
		if flags&unix.MS_SLAVE != 0 {
			parent = unix.MS_SLAVE
		}
	}
	b.Root(filepath.Clean(c.config.Rootfs), own, parent)
	for _, m := range c.config.Mounts {
		if err := b.mount(m); err != nil {
			return nil, err
		}
	}
	dev := !slices.ContainsFunc(c.config.Mounts, func(m *configs.Mount) bool {
		return m.Device == "bind" && filepath.Clean(m.Destination) == "/dev"
	})
	if dev {
		if err := b.devices(); err != nil {
			return nil, err
		}
	}
	b.Hooks()
	if err := b.changeRoot(); err != nil {
		return nil, err
	}
	if dev {
		b.DevNull()
	}
	if cwd := p.Spec.Process.Cwd; cwd != "" {
		b.Directory(fromRoot(cwd))
	}
	if p.Stdio.Terminal {
		b.Console()
	}
	b.finish()
	return b.Plan, nil
}

// changeRoot plans the change of root. Without pivot_root the agent's mounts stay in the container's
// mount namespace, where a chroot hides them: what shows all of the kernel is taken out of them.
func (b *planner) changeRoot() error {
	if !b.c.config.NoPivotRoot {
		b.Pivot()
		return nil
	}
	file, err := os.Open(filepath.Join(b.c.options.Proc, "self/mountinfo"))
	if err != nil {
		return err
	}
	defer file.Close()
	mounts, err := mountinfo.GetMountsFromReader(file, func(m *mountinfo.Info) (skip, stop bool) {
		return m.Root != "/" || m.FSType != "proc" && m.FSType != "sysfs" || strings.HasPrefix(m.Mountpoint, b.c.config.Rootfs), false
	})
	if err != nil {
		return err
	}
	var full []string
	for _, m := range mounts {
		full = append(full, m.Mountpoint)
	}
	b.Move(full)
	return nil
}

// finish plans what libcontainer does after the change of root.
func (b *planner) finish() {
	config := b.c.config
	for _, l := range b.late {
		b.Change(l.slot, l.attributes)
	}
	if config.Readonlyfs {
		b.ChangeRoot(nsexec.Attributes{Set: unix.MOUNT_ATTR_RDONLY, Clear: cleared &^ unix.MOUNT_ATTR_RDONLY})
	}
	b.Umask(*config.Umask)
	if config.Hostname != "" {
		b.Hostname(config.Hostname)
	}
	if config.Domainname != "" {
		b.Domainname(config.Domainname)
	}
	for _, name := range slices.Sorted(maps.Keys(config.Sysctl)) {
		b.Sysctl(strings.ReplaceAll(name, ".", "/"), config.Sysctl[name])
	}
	for _, path := range config.ReadonlyPaths {
		b.ReadOnly(path)
	}
	seen := map[string]bool{}
	for _, path := range config.MaskPaths {
		if clean := filepath.Clean("/" + path); !seen[clean] {
			seen[clean] = true
			b.Mask(path)
		}
	}
}

// devices plans the device nodes and the links in /dev.
func (b *planner) devices() error {
	for _, d := range b.c.config.Devices {
		path := filepath.Clean("/" + d.Path)
		if d.Path == "" || path == "/dev/ptmx" {
			continue
		}
		number, err := d.Mkdev()
		if err != nil {
			return err
		}
		kind := map[devices.Type]uint32{
			devices.BlockDevice: unix.S_IFBLK, devices.CharDevice: unix.S_IFCHR, devices.FifoDevice: unix.S_IFIFO,
		}[d.Type]
		b.Node(path, kind|uint32(d.FileMode.Perm()), number, d.Uid, d.Gid)
	}
	b.Unlink("/dev/ptmx")
	b.Link("pts/ptmx", "/dev/ptmx")
	b.Link("/proc/self/fd", "/dev/fd")
	b.Link("/proc/self/fd/0", "/dev/stdin")
	b.Link("/proc/self/fd/1", "/dev/stdout")
	b.Link("/proc/self/fd/2", "/dev/stderr")
	if _, err := os.Stat(filepath.Join(b.c.options.Proc, "kcore")); err == nil {
		b.Link("/proc/kcore", "/dev/core")
	}
	return nil
}

// planNamespaces sorts namespaces into those to be made and those to be joined.
func (d *direct) planNamespaces(config *configs.Config) {
	for _, ns := range config.Namespaces {
		switch {
		case ns.Path == "":
			d.unshare |= uint32(ns.Syscall())
		case ns.Type == configs.NEWPID:
			d.namespaces, d.withPID = append([]nsexec.Namespace{{Path: ns.Path, Kind: ns.Syscall()}}, d.namespaces...), true
		default:
			d.namespaces = append(d.namespaces, nsexec.Namespace{Path: ns.Path, Kind: ns.Syscall()})
		}
	}
}
