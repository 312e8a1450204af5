// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// exception is a kind of container whose init libcontainer makes.
type exception struct {
	reason string
	is     func(*Container) bool
}

// exceptions are all of them, in the order in which they are looked at.
var exceptions = []exception{
	{"user namespace", has(configs.NEWUSER)},
	{"time namespace", has(configs.NEWTIME)},
	{"no mount namespace of its own", func(c *Container) bool { return !c.config.Namespaces.IsPrivate(configs.NEWNS) }},
	{"root file system is /", func(c *Container) bool { return len(filepath.Clean(c.config.Rootfs)) < 2 }},
	{"shared root", func(c *Container) bool { return c.config.RootPropagation&(unix.MS_SHARED|unix.MS_UNBINDABLE) != 0 }},
	{"hooks in the container", func(c *Container) bool {
		return c.config.HasHook(configs.CreateContainer, configs.StartContainer)
	}},
	// What libcontainer makes there goes through links of the image, to where they lead.
	{"/dev of the image", func(c *Container) bool { return !slices.ContainsFunc(c.config.Mounts, isDev) }},
	{"no proc", func(c *Container) bool { return !slices.ContainsFunc(c.config.Mounts, isProc) }},
	{"cgroups by systemd", func(c *Container) bool { return c.systemd }},
	{"rootless", func(c *Container) bool { return c.config.RootlessEUID || c.config.RootlessCgroups }},
	{"parent death signal", func(c *Container) bool { return c.config.ParentDeathSignal != 0 }},
	{"session keyring", func(c *Container) bool { return !c.config.NoNewKeyring }},
	{"label of mounts", func(c *Container) bool { return c.config.MountLabel != "" }},
	{"Intel RDT", func(c *Container) bool { return c.config.IntelRdt != nil }},
	{"memory policy", func(c *Container) bool { return c.config.MemoryPolicy != nil }},
	{"scheduler", func(c *Container) bool { return c.config.Scheduler != nil }},
	{"I/O priority", func(c *Container) bool { return c.config.IOPriority != nil }},
	{"personality", func(c *Container) bool { return c.config.Personality != nil }},
	{"network devices", func(c *Container) bool { return len(c.config.NetDevices) > 0 || len(c.config.Routes) > 0 }},
	{"network interface", func(c *Container) bool { return slices.ContainsFunc(c.config.Networks, isNoLoopback) }},
	{"kernel without mount_setattr", func(*Container) bool { return !hasSetattr() }},
	{"several mounts kept", func(c *Container) bool { return keptMounts(c.config) > maxKept }},
}

// hasSetattr tells whether the kernel has the newest call that a plan needs (Linux 5.12).
var hasSetattr = sync.OnceValue(func() bool {
	err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	return !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM)
})

// has tells whether a container has, or joins, a namespace of a kind.
func has(kind configs.NamespaceType) func(*Container) bool {
	return func(c *Container) bool { return c.config.Namespaces.Contains(kind) }
}

func isProc(m *configs.Mount) bool {
	return m.Device == "proc" && filepath.Clean("/"+m.Destination) == "/proc"
}

func isDev(m *configs.Mount) bool { return filepath.Clean("/"+m.Destination) == "/dev" }

func isNoLoopback(n *configs.Network) bool { return n.Type != "loopback" }

// notPlain says why libcontainer is to make a container's init; "" if it need not.
func notPlain(c *Container) string {
	for _, e := range exceptions {
		if e.is(c) {
			return e.reason
		}
	}
	for _, m := range c.config.Mounts {
		if reason := unusual(c.config, m); reason != "" {
			return reason
		}
	}
	return ""
}

// plainTypes are the file systems that are mounted directly.
var plainTypes = []string{"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "bind"}

// plainFlags are the flags of mounts that are attributes of a mount and nothing else.
const plainFlags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOSYMFOLLOW |
	unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME | unix.MS_STRICTATIME

// unusual says what is unusual about a mount.
func unusual(config *configs.Config, m *configs.Mount) string {
	bind := m.Device == "bind"
	target := filepath.Clean("/" + m.Destination)
	flags := m.Flags
	if bind {
		flags &^= unix.MS_BIND | unix.MS_REC
	}
	switch {
	case m.IDMapping != nil:
		return "mount with mapped ids"
	case m.RecAttr != nil:
		return "mount with recursive attributes"
	case m.Extensions != 0:
		return "mount of a copy"
	case !slices.Contains(plainTypes, m.Device):
		return "mount of type " + m.Device
	case flags&^plainFlags != 0, bind != (m.Flags&unix.MS_BIND != 0), !filepath.IsAbs(m.Destination):
		return "unusual mount options"
	case target == "/", inside(target, config.Rootfs):
		return "mount on the root"
	case inside(target, "/proc") && (target != "/proc" || m.Device != "proc"):
		return "mount inside of /proc"
	}
	return ""
}

// inside tells whether a clean path is dir or below it.
func inside(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
