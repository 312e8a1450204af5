// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
)

// Capabilities are what containerd gives a container by default.
var Capabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

// Rootfs makes a root file system of busybox with all its applets.
func Rootfs(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	for _, d := range []string{"bin", "dev", "etc", "proc", "root", "sys", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "tmp"), 0o1777); err != nil {
		tb.Fatal(err)
	}
	bb, err := os.ReadFile("/bin/busybox")
	if err != nil {
		tb.Fatalf("busybox-static is needed: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/busybox"), bb, 0o755); err != nil {
		tb.Fatal(err)
	}
	install := exec.Command("chroot", dir, "/bin/busybox", "--install", "-s", "/bin")
	if out, err := install.CombinedOutput(); err != nil {
		tb.Fatalf("install busybox: %v\n%s", err, out)
	}
	passwd := "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"
	if err := os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte(passwd), 0o644); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// Process is an exec session as the Go host sends it: no capabilities, no limits.
func Process(args ...string) *protocols.Process {
	return &protocols.Process{
		Args: args, Cwd: "/", User: &protocols.User{},
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
	}
}

// Spec is a container as the Go host sends it (with KATA_TEST_SECCOMP set, one that has a
// seccomp profile and a startContainer hook, whose sessions the agent leaves to libcontainer): hooks, pid and network namespaces, device
// rules and pids limit stripped, an empty CPU part.
func (a *Agent) Spec(cid, rootfs string, args ...string) *protocols.Spec {
	p := Process(args...)
	p.Capabilities = &protocols.LinuxCapabilities{
		Bounding: Capabilities, Effective: Capabilities, Permitted: Capabilities,
	}
	p.NoNewPrivileges = true
	p.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}}
	spec := &protocols.Spec{
		Version: "1.1.0", Process: p, Root: &protocols.Root{Path: rootfs}, Hostname: "pod",
		Mounts: mounts(),
		Annotations: map[string]string{
			"io.kubernetes.cri.container-type":         "container",
			"io.katacontainers.pkg.oci.container_type": "pod_container",
			"io.katacontainers.pkg.oci.bundle_path":    "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + cid,
			"io.kubernetes.cri.container-name":         cid,
		},
		Linux: &protocols.Linux{
			CgroupsPath: a.Cgroup + "/" + cid,
			Namespaces: []*protocols.LinuxNamespace{
				{Type: "ipc"}, {Type: "uts"}, {Type: "mount"},
			},
			Resources: &protocols.LinuxResources{CPU: &protocols.LinuxCPU{}, Memory: &protocols.LinuxMemory{}},
			MaskedPaths: []string{
				"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
				"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	if Seccomp() {
		spec.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
		spec.Hooks = &protocols.Hooks{StartContainer: []*protocols.Hook{{Path: "/bin/true", Args: []string{"true"}}}}
	}
	return spec
}

// Seccomp tells whether specs have a seccomp profile.
func Seccomp() bool { return os.Getenv("KATA_TEST_SECCOMP") != "" }

func mounts() []*protocols.Mount {
	return []*protocols.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}},
	}
}
