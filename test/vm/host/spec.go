// SPDX-License-Identifier: Apache-2.0

package host

import "github.com/kata-containers/kata-agent/protocols"

// capabilities are those container engines give by default.
var capabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
	"CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

// Spec is the specification of a container as a Go host sends it: no hooks, no
// device rules, no network namespace, paths of the guest.
func Spec(id, rootfs string, args ...string) *protocols.Spec {
	return &protocols.Spec{
		Version: "1.0.2",
		Process: Process(args...),
		Root:    &protocols.Root{Path: rootfs},
		Mounts: []*protocols.Mount{
			{Destination: "/proc", Source: "proc", Type: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Source: "tmpfs", Type: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Source: "devpts", Type: "devpts",
				Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/sys", Source: "sysfs", Type: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/sys/fs/cgroup", Source: "cgroup", Type: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
			{Destination: "/dev/shm", Source: "/run/kata-containers/sandbox/shm", Type: "bind", Options: []string{"rbind"}},
		},
		Annotations: map[string]string{"io.katacontainers.pkg.oci.container_type": "pod_container"},
		Linux: &protocols.Linux{
			CgroupsPath: "/kubepods/pod1/" + id,
			Namespaces:  []*protocols.LinuxNamespace{{Type: "ipc"}, {Type: "uts"}, {Type: "mount"}, {Type: "pid"}},
			Resources: &protocols.LinuxResources{
				Memory: &protocols.LinuxMemory{Limit: 128 << 20},
				CPU:    &protocols.LinuxCPU{Shares: 512, Period: 100000, Quota: 100000},
			},
			MaskedPaths:   []string{"/proc/kcore", "/proc/keys", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

// Process is a first process with the capabilities engines give by default.
func Process(args ...string) *protocols.Process {
	return &protocols.Process{
		User: &protocols.User{},
		Args: args,
		Env:  []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root"},
		Cwd:  "/",
		Capabilities: &protocols.LinuxCapabilities{
			Bounding: capabilities, Effective: capabilities, Permitted: capabilities,
		},
		Rlimits: []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: 1024}},
	}
}
