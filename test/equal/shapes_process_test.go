// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// with is a case that changes the process.
func with(name string, change func(*specs.Process)) shape {
	return shape{name: name, change: func(b *box) { change(b.spec.Process) }}
}

// failing is a case that is refused, doubtful one that is where root may not do everything.
func failing(s shape) shape {
	s.fails = true
	return s
}

// says is a case whose refusal has fewer words where libcontainer's steps do not lead to it. Root may be able
// to have it.
func says(words string, s shape) shape {
	s.says, s.mayFail = words, true
	return s
}

const noCapability = "set capabilities: operation not permitted"

func doubtful(s shape) shape {
	s.mayFail = true
	return s
}

func caps(sets ...[]string) *specs.LinuxCapabilities {
	c := &specs.LinuxCapabilities{}
	for i, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted, &c.Inheritable, &c.Ambient} {
		if i < len(sets) {
			*set = sets[i]
		}
	}
	return c
}

// everyCapability that this kernel may have; those that it has not are passed over.
func everyCapability() (all []string) {
	return append([]string{
		"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_SYS_RAWIO", "CAP_NET_ADMIN", "CAP_SYS_MODULE", "CAP_LINUX_IMMUTABLE",
		"CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_BOOT", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_LEASE", "CAP_MAC_ADMIN",
		"CAP_MAC_OVERRIDE", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_AUDIT_CONTROL", "CAP_NET_BROADCAST",
		"CAP_SYS_PACCT", "CAP_SYS_TTY_CONFIG", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	}, capabilities...)
}

// processShapes are programs and what they are started with.
var processShapes = []shape{
	with("a program by PATH", func(p *specs.Process) { p.Args, p.Env = []string{"probe"}, []string{"PATH=/sbin:/bin:/usr/bin"} }),
	with("a program by a path from the working directory", func(p *specs.Process) { p.Args, p.Cwd = []string{"bin/probe"}, "/" }),
	with("a program by a path from another working directory", func(p *specs.Process) { p.Args, p.Cwd = []string{"../bin/probe"}, "/data" }),
	failing(with("a relative PATH", func(p *specs.Process) { p.Args, p.Env, p.Cwd = []string{"probe"}, []string{"PATH=bin:."}, "/" })),
	{name: "a script", change: func(b *box) {
		b.write(b.inRoot("bin/script"), "#!/bin/probe /etc\n", 0o755)
		b.spec.Process.Args = []string{"script"}
	}},
	{name: "a program that is a link", change: func(b *box) {
		b.link("/bin/probe", b.inRoot("bin/linked"))
		b.spec.Process.Args = []string{"linked"}
	}},
	{name: "a program that only its user may execute", change: func(b *box) {
		b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
		b.write(b.inRoot("home/user/probe"), mustRead(b, probe), 0o500)
		guesttest.Must(b.tb, os.Chown(b.inRoot("home/user/probe"), 1000, 1000))
		b.spec.Process.Args = []string{"/home/user/probe"}
	}},
	{name: "a program for a group", change: func(b *box) {
		b.spec.Process.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{7}}
		b.write(b.inRoot("home/user/probe"), mustRead(b, probe), 0o750)
		guesttest.Must(b.tb, os.Chown(b.inRoot("home/user/probe"), 0, 7))
		b.spec.Process.Args = []string{"/home/user/probe"}
	}},
	with("many arguments, some empty", func(p *specs.Process) { p.Args = append(p.Args, "", "a b", "--", "ä\n") }),
	with("no environment", func(p *specs.Process) { p.Env = nil }),
	with("an environment with the same name twice", func(p *specs.Process) { p.Env = append(p.Env, "A=1", "B=2", "A=3", "PATH=/bin", "E=", "X=a=b") }),
	with("HOME is given", func(p *specs.Process) { p.Env = append(p.Env, "HOME=/data") }),
	with("HOME is empty", func(p *specs.Process) { p.Env = append(p.Env, "HOME=") }),
	with("HOME of a user", func(p *specs.Process) { p.User.UID = 1000 }),
	with("HOME of a user who is unknown", func(p *specs.Process) { p.User.UID = 4711 }),
	{name: "HOME without passwd", change: func(b *box) { guesttest.Must(b.tb, os.Remove(b.inRoot("etc/passwd"))) }},
	{name: "HOME by a passwd that is a link", change: func(b *box) {
		guesttest.Must(b.tb, os.Rename(b.inRoot("etc/passwd"), b.inRoot("data/passwd")))
		b.link("/data/passwd", b.inRoot("etc/passwd"))
		b.spec.Process.User.UID = 1000
	}},
	{name: "HOME by a passwd that is odd", change: func(b *box) {
		b.write(b.inRoot("etc/passwd"), "\n# comment\nuser:x\n+::::::\nuser:x:1000:1000::/data:/bin/sh\nagain:x:1000:1000::/root:/bin/sh\n", 0o644)
		b.spec.Process.User.UID = 1000
	}},
	with("working directory", func(p *specs.Process) { p.Cwd = "/data/sub" }),
	with("working directory that is missing", func(p *specs.Process) { p.Cwd = "/new/working/dir" }),
	with("working directory that is missing, of a user", func(p *specs.Process) { p.Cwd, p.User = "/new/dir", specs.User{UID: 1000, GID: 1000} }),
	with("working directory by an absolute link", func(p *specs.Process) { p.Cwd = "/absolute/sub" }),
	with("working directory by a link upwards", func(p *specs.Process) { p.Cwd = "/upwards" }),
	with("working directory upwards", func(p *specs.Process) { p.Cwd = "/data/../../../data/sub/.." }),
	with("working directory that is relative", func(p *specs.Process) { p.Cwd = "data" }),
	{name: "working directory on a mount", change: func(b *box) {
		b.bind("dir", "/bound")
		b.spec.Process.Cwd = "/bound"
	}},
	{name: "working directory to be made on a mount", change: func(b *box) {
		b.mount("tmpfs", "tmpfs", "/memory")
		b.spec.Process.Cwd = "/memory/new"
	}},
	{name: "working directory that only its user may enter", change: func(b *box) {
		guesttest.Must(b.tb, os.Chown(b.inRoot("home/user"), 1000, 1000))
		guesttest.Must(b.tb, os.Chmod(b.inRoot("home/user"), 0o700))
		b.spec.Process.User, b.spec.Process.Cwd = specs.User{UID: 1000, GID: 1000}, "/home/user"
		b.spec.Process.Capabilities = caps()
	}},
	{name: "working directory that only root may enter", change: func(b *box) {
		guesttest.Must(b.tb, os.Chmod(b.inRoot("root"), 0o700))
		b.spec.Process.User, b.spec.Process.Cwd = specs.User{UID: 1000, GID: 1000}, "/root"
	}},
	with("limits", func(p *specs.Process) {
		p.Rlimits = []specs.POSIXRlimit{
			{Type: "RLIMIT_CORE", Soft: 0, Hard: 1 << 20}, {Type: "RLIMIT_NOFILE", Soft: 512, Hard: 2048}, {Type: "RLIMIT_STACK", Soft: 4 << 20, Hard: 8 << 20},
			{Type: "RLIMIT_MEMLOCK", Soft: 64 << 10, Hard: 128 << 10}, {Type: "RLIMIT_MSGQUEUE", Soft: 1000, Hard: 2000},
		}
	}),
	staged(with("limits that are low", func(p *specs.Process) {
		p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 16, Hard: 16}, {Type: "RLIMIT_NPROC", Soft: 40, Hard: 50}, {Type: "RLIMIT_FSIZE", Soft: 1000, Hard: 1000}}
	})),
	with("no limits", func(p *specs.Process) { p.Rlimits = nil }),
	says("set resource limits: operation not permitted", with("limits above the agent's", func(p *specs.Process) {
		p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1 << 20, Hard: 1 << 20}, {Type: "RLIMIT_NICE", Soft: 5, Hard: 10}}
	})),
	with("OOM score 0", func(p *specs.Process) { p.OOMScoreAdj = pointer(0) }),
	doubtful(with("OOM score -999", func(p *specs.Process) { p.OOMScoreAdj = pointer(-999) })),
	with("OOM score 1000", func(p *specs.Process) { p.OOMScoreAdj = pointer(1000) }),
	with("privileges may be new", func(p *specs.Process) { p.NoNewPrivileges = false }),
	with("no capabilities at all", func(p *specs.Process) { p.Capabilities = caps() }),
	with("capabilities that are not given", func(p *specs.Process) { p.Capabilities = nil }),
	with("five sets of capabilities", func(p *specs.Process) {
		p.Capabilities = caps(capabilities, capabilities[:3], capabilities[:5], capabilities[1:4], capabilities[1:2])
	}),
	says(noCapability, with("every capability", func(p *specs.Process) {
		p.Capabilities = caps(everyCapability(), everyCapability(), everyCapability(), everyCapability(), everyCapability())
	})),
	with("only bounding capabilities", func(p *specs.Process) { p.Capabilities = caps(capabilities) }),
	with("ambient capabilities that cannot be", func(p *specs.Process) {
		p.Capabilities = caps(capabilities, capabilities, capabilities, nil, capabilities)
	}),
	failing(says(noCapability, with("effective capabilities that are not permitted", func(p *specs.Process) { p.Capabilities = caps(capabilities, capabilities[:4], capabilities[2:3]) }))),
	failing(says(noCapability, with("inheritable capabilities that are not bounding", func(p *specs.Process) {
		p.Capabilities = caps(capabilities[:2], capabilities[:2], capabilities[:2], capabilities[:4])
	}))),
	with("capabilities that are unknown", func(p *specs.Process) { p.Capabilities = caps([]string{"CAP_KILL", "CAP_FLY"}, []string{"CAP_FLY"}) }),
	{name: "scheduler", by: "scheduler", change: func(b *box) { b.spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5} }},
	{name: "io priority", by: "I/O priority", change: func(b *box) {
		b.spec.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
	}},
	{name: "personality", by: "personality", change: func(b *box) { b.spec.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }},
	{name: "CPU affinity", change: func(b *box) { b.spec.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "0"} }},
	{name: "a seccomp profile", change: func(b *box) { b.spec.Linux.Seccomp = profile("mkdir", "mkdirat") }},
	{name: "a seccomp profile, privileges may be new", change: func(b *box) {
		b.spec.Linux.Seccomp, b.spec.Process.NoNewPrivileges = profile("mkdir", "mkdirat"), false
	}},
	{name: "a seccomp profile with flags", change: func(b *box) {
		b.spec.Linux.Seccomp = profile("mkdir", "mkdirat")
		b.spec.Linux.Seccomp.Flags = []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"}
	}},
	{name: "a seccomp profile that refuses by default", staged: true, change: func(b *box) {
		b.spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: pointer(uint(95)), Syscalls: []specs.LinuxSyscall{
			{Names: allowed, Action: specs.ActAllow},
		}}
	}},
	{name: "a seccomp profile for a user", change: func(b *box) {
		b.spec.Linux.Seccomp = profile("mkdir", "mkdirat")
		b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
		b.spec.Process.Capabilities = caps()
	}},
}

func mustRead(b *box, file string) string {
	data, err := os.ReadFile(file)
	guesttest.Must(b.tb, err)
	return string(data)
}

// profile refuses some system calls.
func profile(refused ...string) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
		Syscalls: []specs.LinuxSyscall{{Names: refused, Action: specs.ActErrno, ErrnoRet: pointer(uint(38))}},
	}
}

// allowed is what the probe cannot do without.
var allowed = []string{
	"execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlink", "getrandom", "mprotect", "mmap", "munmap",
	"fcntl", "fstat", "newfstatat", "open", "openat", "read", "write", "close", "lseek", "getdents64", "exit_group", "exit", "futex", "uname", "ioctl",
	"getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "umask", "pause", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "getcwd", "access", "lstat", "stat",
	"statfs", "getresuid", "getresgid", "getgroups", "capget", "prctl", "getsid", "getpgrp", "dup", "dup2", "dup3", "setsid",
}

// userShapes are users and groups.
var userShapes = []shape{
	with("a user", func(p *specs.Process) { p.User = specs.User{UID: 1000, GID: 1001} }),
	with("a user with groups", func(p *specs.Process) {
		p.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{9000, 7, 8, 7}}
	}),
	with("root with groups", func(p *specs.Process) { p.User = specs.User{AdditionalGids: []uint32{0, 1, 2, 3, 4, 6, 10}} }),
	with("a user with his own group again", func(p *specs.Process) { p.User = specs.User{UID: 5, GID: 5, AdditionalGids: []uint32{5}} }),
	with("a user with ambient capabilities", func(p *specs.Process) {
		p.User = specs.User{UID: 1000, GID: 1000}
		p.Capabilities = caps(capabilities, capabilities, capabilities, capabilities, capabilities[:2])
	}),
	with("a user, privileges may be new", func(p *specs.Process) {
		p.User, p.NoNewPrivileges = specs.User{UID: 1000, GID: 1000}, false
	}),
	with("root with another group", func(p *specs.Process) { p.User = specs.User{GID: 1000} }),
	with("umask", func(p *specs.Process) { p.User.Umask = pointer(uint32(0o077)) }),
	with("umask of nothing", func(p *specs.Process) { p.User.Umask = pointer(uint32(0)) }),
	with("a user of a high number", func(p *specs.Process) { p.User = specs.User{UID: math.MaxInt32, GID: math.MaxInt32 - 1} }),
	with("a user of too high a number", func(p *specs.Process) { p.User = specs.User{UID: math.MaxUint32 - 1, GID: math.MaxUint32 - 1} }),
	{name: "groups of the image are not added", change: func(b *box) { b.spec.Process.User = specs.User{UID: 1000, GID: 1000, Username: "user"} }},
	{name: "umask and what is made", change: func(b *box) {
		b.spec.Process.User.Umask = pointer(uint32(0o077))
		b.spec.Process.Cwd = "/made/with/umask"
		b.bind("dir", "/made/mount/point")
		b.bind("file", "/made/mount/file")
		b.spec.Linux.Devices = []specs.LinuxDevice{device("/made/device/node", "c", 1, 3, 0o666, 0, 0)}
	}},
}

// sysctl sets parameters of the kernel.
func sysctl(name string, pairs ...string) shape {
	return shape{name: name, change: func(b *box) {
		b.spec.Linux.Sysctl = map[string]string{}
		for i := 0; i+1 < len(pairs); i += 2 {
			b.spec.Linux.Sysctl[pairs[i]] = pairs[i+1]
		}
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "network"})
	}}
}

// namespaceShapes are namespaces and what is set in them.
var namespaceShapes = []shape{
	{name: "host name and domain name", change: func(b *box) { b.spec.Hostname, b.spec.Domainname = "box", "example.org" }},
	{name: "a network of its own", change: func(b *box) {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "network"})
	}},
	{name: "every namespace of its own", change: func(b *box) {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "network"}, specs.LinuxNamespace{Type: "cgroup"})
	}},
	{name: "no namespaces but mounts", change: func(b *box) {
		b.spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: "mount"}}
		b.spec.Mounts = append(b.spec.Mounts[:3], b.spec.Mounts[4:]...) // mqueue belongs to IPC
	}},
	{name: "the guest's pid namespace", change: func(b *box) { b.spec.Linux.Namespaces = without(b.spec.Linux.Namespaces, "pid") }},
	{name: "the pod's namespaces", change: func(b *box) { joined(b, "ipc", "uts") }},
	{name: "the pod's namespaces, pid too", change: func(b *box) { joined(b, "ipc", "uts", "pid") }},
	{name: "the pod's namespaces, pid too, with a terminal", change: func(b *box) {
		joined(b, "ipc", "uts", "pid")
		b.stdio.Terminal = true
	}},
	{name: "a network that is given", change: func(b *box) { joined(b, "network") }},
	{name: "a cgroup namespace that is given", change: func(b *box) { joined(b, "cgroup") }},
	{name: "a mount namespace that is given", by: "no mount namespace of its own", change: func(b *box) { joined(b, "mount") }},
	{name: "a user namespace", by: "user namespace", change: userNamespace},
	{name: "a user namespace, as a user", by: "user namespace", change: func(b *box) {
		userNamespace(b)
		b.spec.Process.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{7}}
	}},
	{name: "a time namespace", by: "time namespace", change: func(b *box) {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "time"})
		b.spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1000}}
	}},
	sysctl("sysctls", "kernel.msgmax", "4000", "kernel.shm_rmid_forced", "1", "fs.mqueue.msg_max", "33", "net.ipv4.ip_forward", "1"),
	sysctl("sysctls by slashes", "net/ipv4/ping_group_range", "0 100", "net/core/somaxconn", "77"),
	sysctl("sysctls with read-only paths", "kernel.sem", "250 32000 100 200"),
	{name: "a domain name by sysctl", change: func(b *box) { b.spec.Linux.Sysctl = map[string]string{"kernel.domainname": "example.org"} }},
	{name: "annotations", change: func(b *box) { b.spec.Annotations = map[string]string{"a": "b", "org.example/ä": "1"} }},
}

// joined has the container join namespaces of a process of the test's.
func joined(b *box, kinds ...string) {
	pid := holder(b)
	b.spec.Hostname = ""
	for _, kind := range kinds {
		of := specs.LinuxNamespaceType(kind)
		file := map[string]string{"network": "net", "mount": "mnt"}[kind]
		if file == "" {
			file = kind
		}
		b.spec.Linux.Namespaces = without(b.spec.Linux.Namespaces, of)
		path := fmt.Sprintf("/proc/%d/ns/%s", pid, file)
		link, err := os.Readlink(path)
		guesttest.Must(b.tb, err)
		b.given["given "+kind] = link
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: of, Path: path})
	}
}

func userNamespace(b *box) {
	const first, many = 200000, 65536
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: first, Size: many}}
	b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = ids, ids
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"}, specs.LinuxNamespace{Type: "network"})
	b.chown(first)
	guesttest.Must(b.tb, os.Chmod(filepath.Join(b.dir, "bundle"), 0o755))
}
