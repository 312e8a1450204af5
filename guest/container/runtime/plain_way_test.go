// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// usual is the configuration of a container whose init is made directly.
func usual() *configs.Config {
	c := &configs.Config{
		Rootfs: "/run/kata-containers/c1/rootfs", NoNewKeyring: true,
		Cgroups: &cgroups.Cgroup{Resources: &cgroups.Resources{}},
		Mounts: []*configs.Mount{
			{Device: "proc", Source: "proc", Destination: "/proc", Flags: unix.MS_NOSUID},
			{Device: "tmpfs", Source: "tmpfs", Destination: "/dev"},
			{Device: "bind", Source: "/run/kata-containers/v", Destination: "/data", Flags: unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY, PropagationFlags: []int{unix.MS_SLAVE | unix.MS_REC}},
		},
		Networks: []*configs.Network{{Type: "loopback"}},
	}
	for _, kind := range []configs.NamespaceType{configs.NEWNS, configs.NEWPID, configs.NEWIPC, configs.NEWUTS, configs.NEWNET, configs.NEWCGROUP} {
		c.Namespaces.Add(kind, "")
	}
	return c
}

// mounted is the usual configuration with one mount more.
func mounted(m configs.Mount) func(*Container) {
	return func(c *Container) { c.config.Mounts = append(c.config.Mounts, &m) }
}

// TestExceptions: each kind of container that libcontainer is to make has its row, and so its reason.
func TestExceptions(t *testing.T) {
	named := map[string]bool{"": true}
	for _, test := range []struct {
		reason string
		change func(*Container)
	}{
		{"", func(*Container) {}},
		{"", func(c *Container) { c.config.Namespaces.Remove(configs.NEWPID) }},
		{"", func(c *Container) { c.config.Namespaces.Add(configs.NEWIPC, "/run/sandbox-ns/ipc") }},
		{"", func(c *Container) { c.config.Seccomp = &configs.Seccomp{} }},
		{"", func(c *Container) { c.config.RootPropagation = unix.MS_SLAVE | unix.MS_REC }},
		{"", mounted(configs.Mount{Device: "tmpfs", Destination: "/tmp", Flags: unix.MS_RDONLY | unix.MS_NOATIME, Data: "size=1m"})},
		{"user namespace", func(c *Container) { c.config.Namespaces.Add(configs.NEWUSER, "") }},
		{"time namespace", func(c *Container) { c.config.Namespaces.Add(configs.NEWTIME, "/proc/1/ns/time") }},
		{"no mount namespace of its own", func(c *Container) { c.config.Namespaces.Remove(configs.NEWNS) }},
		{"no mount namespace of its own", func(c *Container) { c.config.Namespaces.Add(configs.NEWNS, "/proc/1/ns/mnt") }},
		{"root file system is /", func(c *Container) { c.config.Rootfs = "/" }},
		{"shared root", func(c *Container) { c.config.RootPropagation = unix.MS_SHARED | unix.MS_REC }},
		{"hooks in the container", func(c *Container) {
			c.config.Hooks = configs.Hooks{configs.CreateContainer: configs.HookList{nil}}
		}},
		{"no proc", func(c *Container) { c.config.Mounts = c.config.Mounts[1:] }},
		{"/dev of the image", func(c *Container) { c.config.Mounts = c.config.Mounts[:1] }},
		{"cgroups by systemd", func(c *Container) { c.systemd = true }},
		{"rootless", func(c *Container) { c.config.RootlessCgroups = true }},
		{"parent death signal", func(c *Container) { c.config.ParentDeathSignal = 9 }},
		{"session keyring", func(c *Container) { c.config.NoNewKeyring = false }},
		{"label of mounts", func(c *Container) { c.config.MountLabel = "a:b" }},
		{"Intel RDT", func(c *Container) { c.config.IntelRdt = &configs.IntelRdt{} }},
		{"memory policy", func(c *Container) { c.config.MemoryPolicy = &configs.LinuxMemoryPolicy{} }},
		{"scheduler", func(c *Container) { c.config.Scheduler = &configs.Scheduler{} }},
		{"I/O priority", func(c *Container) { c.config.IOPriority = &configs.IOPriority{} }},
		{"personality", func(c *Container) { c.config.Personality = &configs.LinuxPersonality{} }},
		{"network devices", func(c *Container) { c.config.NetDevices = map[string]*configs.LinuxNetDevice{"eth0": {}} }},
		{"network interface", func(c *Container) { c.config.Networks = append(c.config.Networks, &configs.Network{Type: "veth"}) }},
		{"several mounts kept", func(c *Container) {
			for range maxKept + 1 {
				c.config.Mounts = append(c.config.Mounts, &configs.Mount{Device: "tmpfs", Destination: "/t", Flags: unix.MS_RDONLY})
			}
		}},
		{"mount with mapped ids", mounted(configs.Mount{Device: "bind", Destination: "/x", Flags: unix.MS_BIND, IDMapping: &configs.MountIDMapping{}})},
		{"mount with recursive attributes", mounted(configs.Mount{Device: "bind", Destination: "/x", Flags: unix.MS_BIND, RecAttr: &unix.MountAttr{}})},
		{"mount of a copy", mounted(configs.Mount{Device: "tmpfs", Destination: "/x", Extensions: configs.EXT_COPYUP})},
		{"mount of type ext4", mounted(configs.Mount{Device: "ext4", Destination: "/x"})},
		{"unusual mount options", mounted(configs.Mount{Device: "tmpfs", Destination: "/x", Flags: unix.MS_SYNCHRONOUS})},
		{"unusual mount options", mounted(configs.Mount{Device: "bind", Destination: "/x", Flags: unix.MS_BIND | unix.MS_REMOUNT})},
		{"unusual mount options", mounted(configs.Mount{Device: "tmpfs", Destination: "x"})},
		{"mount on the root", mounted(configs.Mount{Device: "tmpfs", Destination: "/x/.."})},
		{"mount on the root", mounted(configs.Mount{Device: "tmpfs", Destination: "/run/kata-containers/c1/rootfs/x"})},
		{"mount inside of /proc", mounted(configs.Mount{Device: "bind", Destination: "/proc/cpuinfo", Flags: unix.MS_BIND})},
		{"mount inside of /proc", mounted(configs.Mount{Device: "bind", Destination: "/a/../proc", Flags: unix.MS_BIND})},
	} {
		c := &Container{config: usual()}
		test.change(c)
		if got := notPlain(c); got != test.reason {
			t.Errorf("the reason is %q, want %q", got, test.reason)
		}
		named[test.reason] = true
	}
	for _, e := range exceptions {
		if !named[e.reason] && e.reason != "kernel without mount_setattr" {
			t.Errorf("no row for a container with %s", e.reason)
		}
	}
}

// TestMountAttributes: a mount has the attributes that mount(2) gives it for the options of a spec.
func TestMountAttributes(t *testing.T) {
	for _, test := range []struct {
		options    []string
		attributes uint64
		clear      uint64
	}{
		{nil, 0, cleared},
		{[]string{"ro", "nosuid"}, unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID, cleared &^ (unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID)},
		{[]string{"noatime"}, unix.MOUNT_ATTR_NOATIME, cleared | timeAttributes},
		{[]string{"relatime"}, 0, cleared | timeAttributes},
		{[]string{"noatime", "strictatime"}, unix.MOUNT_ATTR_STRICTATIME, cleared | timeAttributes},
		{[]string{"nodiratime"}, unix.MOUNT_ATTR_NODIRATIME, cleared | timeAttributes},
		{[]string{"nodev", "noexec"}, unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC, cleared &^ (unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC)},
	} {
		spec := &specs.Spec{Root: &specs.Root{Path: "/r"}, Linux: &specs.Linux{}, Mounts: []specs.Mount{
			{Type: "bind", Source: "/s", Destination: "/d", Options: append([]string{"bind"}, test.options...)},
		}}
		config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: "x", Spec: spec})
		if err != nil {
			t.Fatal(err)
		}
		got := change(config.Mounts[0].Flags)
		if got.Set != test.attributes || got.Clear != test.clear {
			t.Errorf("%q: set %#x, clear %#x, want %#x and %#x", test.options, got.Set, got.Clear, test.attributes, test.clear)
		}
	}
}
