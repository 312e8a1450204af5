// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// podShapes are what hosts send for the containers of pods.
var podShapes = []shape{
	{name: "the Go host's container", change: func(*box) {}},
	{name: "the Rust host's container", change: func(b *box) {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "cgroup"})
	}},
	{name: "a pause container", mayFail: true, change: func(b *box) {
		b.spec.Root.Readonly = true
		b.spec.Process.User = specs.User{UID: 65535, GID: 65535}
		b.spec.Process.OOMScoreAdj = pointer(-998)
		b.spec.Process.Capabilities = &specs.LinuxCapabilities{}
	}},
	{name: "a container of a pod", change: func(b *box) { kubernetes(b) }},
	{name: "a container of a pod, read-only", change: func(b *box) {
		kubernetes(b)
		b.spec.Root.Readonly = true
	}},
	{name: "a privileged container of a pod", mayFail: true, says: noCapability, change: func(b *box) {
		kubernetes(b)
		privileged(b)
	}},
	{name: "with the volumes of a host that shares no files", change: func(b *box) {
		b.mountOn(filepath.Join(b.dir, "ephemeral"), "tmpfs", 0, "mode=777")
		b.mount("bind", filepath.Join(b.dir, "ephemeral"), "/scratch", "rbind", "rw", "rprivate")
		b.mount("bind", filepath.Join(b.dir, "ephemeral"), "/scratch-ro", "rbind", "ro", "rprivate")
	}},
}

// kubernetes gives a container what the kubelet and the engine give it.
func kubernetes(b *box) {
	for _, file := range []string{"hosts", "resolv.conf", "hostname", "termination-log"} {
		b.write(filepath.Join(b.volume, file), file+"\n", 0o644)
	}
	b.bind("hosts", "/etc/hosts", "rprivate", "rw")
	b.bind("resolv.conf", "/etc/resolv.conf", "rprivate", "rw")
	b.bind("hostname", "/etc/hostname", "rprivate", "rw")
	b.bind("termination-log", "/dev/termination-log", "rprivate", "rw")
	secret := filepath.Join(b.volume, "secret")
	b.mkdir(filepath.Join(secret, "..2026_01_01"))
	b.write(filepath.Join(secret, "..2026_01_01/token"), "token", 0o600)
	b.link("..2026_01_01", filepath.Join(secret, "..data"))
	b.link("..data/token", filepath.Join(secret, "token"))
	b.bind("secret", "/var/run/secrets/kubernetes.io/serviceaccount", "rprivate", "ro")
	b.bind("dir", "/data/sub", "rprivate", "rw")
	b.bind("file", "/etc/config/sub-path", "rprivate", "ro")
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{
		Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"},
	})
	b.spec.Process.OOMScoreAdj = pointer(1000)
	b.spec.Linux.Resources.CPU = &specs.LinuxCPU{Shares: pointer(uint64(102)), Quota: pointer(int64(100000)), Period: pointer(uint64(100000))}
	b.spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: pointer(int64(256 << 20))}
}

func privileged(b *box) {
	all := everyCapability()
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all, Inheritable: all}
	b.spec.Process.NoNewPrivileges = false
	b.spec.Linux.MaskedPaths, b.spec.Linux.ReadonlyPaths = nil, nil
	for i, m := range b.spec.Mounts {
		if m.Type == "sysfs" || m.Type == "cgroup" {
			b.spec.Mounts[i].Options = []string{"nosuid", "noexec", "nodev", "rw"}
		}
	}
	b.spec.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
}

func pointer[T any](v T) *T { return &v }

// flagged is a bind and a tmpfs with the same options.
func flagged(options ...string) func(*box) {
	return func(b *box) {
		b.bind("dir", "/bound", options...)
		b.bind("file", "/bound-file", options...)
		b.mount("tmpfs", "tmpfs", "/memory", options...)
	}
}

// devOfImage is why libcontainer makes a container without a mount on /dev.
const devOfImage = "/dev of the image"

// mountShapes are mounts with their options.
var mountShapes = []shape{
	{name: "ro", change: flagged("ro")},
	{name: "rw", change: flagged("rw")},
	{name: "nosuid, nodev, noexec", change: flagged("nosuid", "nodev", "noexec")},
	{name: "suid, dev, exec", change: flagged("suid", "dev", "exec")},
	{name: "relatime", change: flagged("relatime")},
	{name: "noatime", change: flagged("noatime")},
	{name: "strictatime", change: flagged("strictatime")},
	{name: "nodiratime, noatime", change: flagged("nodiratime", "noatime")},
	{name: "nostrictatime, atime, diratime", change: flagged("nostrictatime", "atime", "diratime")},
	{name: "sync, dirsync", by: "unusual mount options", change: flagged("sync", "dirsync")},
	{name: "nosymfollow", change: flagged("nosymfollow")},
	{name: "ro and then rw", change: flagged("ro", "rw")},
	{name: "options that contradict each other", change: flagged("noexec", "ro", "exec", "nosuid", "suid", "ro")},
	{name: "ro in whole", by: "mount with recursive attributes", change: withBelow("rro")},
	{name: "noexec in whole", by: "mount with recursive attributes", change: withBelow("rnoexec", "rnosuid", "rnodev")},
	{name: "noatime in whole", by: "mount with recursive attributes", change: withBelow("rnoatime")},
	{name: "ro at the top", change: withBelow("ro")},
	{name: "bind without what is below", change: func(b *box) {
		withBelow("ro")(b)
		b.spec.Mounts[len(b.spec.Mounts)-1].Options = []string{"bind", "ro"}
	}},
	{name: "a bind without options", change: func(b *box) {
		b.mount("bind", filepath.Join(b.volume, "dir"), "/bound", "bind")
		b.mount("none", filepath.Join(b.volume, "file"), "/bound-file", "bind")
		b.mount("", filepath.Join(b.volume, "dir"), "/bound-too", "rbind")
	}},
	{name: "a bind of a mount with locked options", change: func(b *box) {
		b.mountOn(filepath.Join(b.volume, "locked"), "tmpfs", unix.MS_NOEXEC|unix.MS_NOSUID|unix.MS_NOATIME, "mode=750")
		b.bind("locked", "/bound")
		b.bind("locked", "/bound-ro", "ro")
		b.bind("locked", "/bound-exec", "exec", "suid")
		b.bind("locked", "/bound-strict", "strictatime")
	}},
	{name: "tmpfs with size and mode", change: func(b *box) {
		b.mount("tmpfs", "tmpfs", "/memory", "size=64k", "mode=1770", "uid=1000", "gid=1001")
		b.mount("tmpfs", "any name", "/tmp", "nosuid", "size=65536k")
		b.mount("tmpfs", "tmpfs", "/home/user", "mode=0700", "ro")
	}},
	{name: "tmpfs on a directory with a mode of its own", change: func(b *box) {
		guesttest.Must(b.tb, os.Chmod(b.inRoot("data"), os.ModeSticky|0o1751))
		guesttest.Must(b.tb, os.Chown(b.inRoot("data"), 1000, 1000))
		b.mount("tmpfs", "tmpfs", "/data")
	}},
	{name: "tmpfs with a copy", by: "mount of a copy", change: func(b *box) {
		b.write(b.inRoot("data/file"), "content", 0o640)
		b.link("file", b.inRoot("data/link"))
		b.mount("tmpfs", "tmpfs", "/data", "tmpcopyup")
	}},
	{name: "proc with options", change: func(b *box) { b.spec.Mounts[0].Options = []string{"ro", "hidepid=2"} }},
	{name: "proc and sys twice", change: func(b *box) {
		b.mount("proc", "proc", "/other/proc")
		b.mount("sysfs", "sysfs", "/other/sys", "ro")
	}},
	{name: "sysfs rw", change: func(b *box) { b.spec.Mounts[4].Options = []string{"nosuid", "noexec", "nodev"} }},
	{name: "no sysfs", change: func(b *box) { b.spec.Mounts = append(b.spec.Mounts[:4], b.spec.Mounts[5:]...) }},
	{name: "mqueue elsewhere", change: func(b *box) { b.mount("mqueue", "mqueue", "/queues", "ro") }},
	{name: "cgroup, ro", change: func(b *box) {
		b.mount("cgroup", "cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
	}},
	{name: "cgroup, rw", change: func(b *box) { b.mount("cgroup", "cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "rw") }},
	{name: "cgroup, ro, in a cgroup namespace", change: func(b *box) {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "cgroup"})
		b.mount("cgroup", "cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
	}},
	{name: "cgroup, rw, in a cgroup namespace", change: func(b *box) {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "cgroup"})
		b.mount("cgroup", "cgroup", "/sys/fs/cgroup", "rw")
	}},
	{name: "devpts without options", change: func(b *box) { b.spec.Mounts[2].Options = nil }},
	{name: "a ramfs", by: "mount of type ramfs", change: func(b *box) { b.mount("ramfs", "ramfs", "/memory", "mode=700") }},
	{name: "an overlay", by: "mount of type overlay", change: func(b *box) {
		b.mount("overlay", "overlay", "/over", "ro", "lowerdir="+b.inRoot("data")+":"+filepath.Join(b.volume, "dir"))
	}},
	{name: "mounts on top of each other", change: func(b *box) {
		b.bind("dir", "/data")
		b.mount("tmpfs", "tmpfs", "/data", "mode=711")
		b.bind("file", "/data/file")
		b.bind("dir", "/data/dir", "ro")
	}},
	{name: "the same mount twice", change: func(b *box) {
		b.bind("dir", "/data", "ro")
		b.bind("dir", "/data", "ro")
	}},
	{name: "a bind of a mount of the container", change: func(b *box) { b.mount("bind", "/proc/version", "/version", "bind", "ro") }},
	{name: "/dev is a bind", change: func(b *box) {
		b.mkdir(filepath.Join(b.volume, "dev/pts"))
		b.mkdir(filepath.Join(b.volume, "dev/shm"))
		b.mkdir(filepath.Join(b.volume, "dev/mqueue"))
		guesttest.Must(b.tb, unix.Mknod(filepath.Join(b.volume, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
		b.spec.Mounts[1] = specs.Mount{Destination: "/dev", Type: "bind", Source: filepath.Join(b.volume, "dev"), Options: []string{"rbind"}}
	}},
	{name: "/dev is read-only", change: func(b *box) { b.spec.Mounts[1].Options = []string{"ro", "mode=755"} }},
	{name: "/dev is the image's", by: devOfImage, change: func(b *box) { b.spec.Mounts = append(b.spec.Mounts[:1], b.spec.Mounts[4]) }},
	{name: "/dev/shm is the pod's", change: func(b *box) {
		b.mountOn(filepath.Join(b.volume, "shm"), "tmpfs", 0, "mode=1777")
		b.spec.Mounts[5] = specs.Mount{Destination: "/dev/shm", Type: "bind", Source: filepath.Join(b.volume, "shm"), Options: []string{"rbind"}}
	}},
	{name: "/proc is the guest's", by: "no proc", change: func(b *box) {
		b.spec.Mounts[0] = specs.Mount{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}}
		b.spec.Linux.Namespaces = without(b.spec.Linux.Namespaces, "pid")
	}},
	{name: "files of proc that lxcfs has", by: "mount inside of /proc", change: func(b *box) {
		b.bind("file", "/proc/uptime", "ro")
		b.bind("file", "/proc/meminfo", "ro")
	}},
}

// withBelow is a bind of a directory with a mount in it.
func withBelow(options ...string) func(*box) {
	return func(b *box) {
		b.mountOn(filepath.Join(b.volume, "dir/below"), "tmpfs", 0, "mode=755")
		b.bind("dir", "/bound", options...)
		b.look = append(b.look, "/bound/below")
	}
}

func without(list []specs.LinuxNamespace, kinds ...specs.LinuxNamespaceType) (out []specs.LinuxNamespace) {
	for _, ns := range list {
		keep := true
		for _, kind := range kinds {
			keep = keep && ns.Type != kind
		}
		if keep {
			out = append(out, ns)
		}
	}
	return out
}

// mountPointShapes are places at which something is mounted.
var mountPointShapes = []shape{
	{name: "mount points that are missing", change: func(b *box) {
		b.bind("dir", "/a/b/c/dir")
		b.bind("file", "/a/b/c/file")
		b.mount("tmpfs", "tmpfs", "/a/memory")
		b.mount("mqueue", "mqueue", "/a/queues")
		b.bind("dir/../file", "/a/cleaned")
	}},
	{name: "mount points that are there, with modes", change: func(b *box) {
		b.mkdir(b.inRoot("there"))
		guesttest.Must(b.tb, os.Chmod(b.inRoot("there"), 0o700))
		b.write(b.inRoot("there/file"), "", 0o604)
		b.bind("file", "/there/file")
	}},
	{name: "a bind of a link", change: func(b *box) { b.bind("link", "/bound") }},
	{name: "a bind of a socket and a pipe", change: func(b *box) {
		guesttest.Must(b.tb, unix.Mkfifo(filepath.Join(b.volume, "pipe"), 0o620))
		guesttest.Must(b.tb, unix.Mknod(filepath.Join(b.volume, "socket"), unix.S_IFSOCK|0o755, 0))
		b.bind("pipe", "/pipe")
		b.bind("socket", "/run/socket")
	}},
	{name: "absolute link in the root", change: func(b *box) { b.bind("dir", "/absolute") }},
	{name: "below an absolute link", change: func(b *box) { b.bind("dir", "/absolute/new/dir"); b.bind("file", "/absolute/file") }},
	{name: "link upwards in the root", change: func(b *box) { b.bind("dir", "/upwards/up") }},
	{name: "relative link in the root", change: func(b *box) { b.mount("tmpfs", "tmpfs", "/relative") }},
	{name: "a link that leads nowhere", by: "bind mount /dangling: not a directory", change: func(b *box) {
		b.link("/not/there", b.inRoot("dangling"))
		b.bind("dir", "/dangling")
		b.bind("dir", "/dangling/below")
	}},
	{name: "a file through a link that leads nowhere", by: "bind mount /dangling: file exists", change: func(b *box) {
		b.link("/not/there", b.inRoot("dangling"))
		b.bind("file", "/dangling")
	}},
	{name: "upwards in the destination", change: func(b *box) { b.bind("dir", "/data/../../../data/./sub//x/") }},
	{name: "a destination that is relative", by: "unusual mount options", change: func(b *box) { b.bind("dir", "data/sub") }},
	{name: "a destination with a place that is not there", change: func(b *box) { b.bind("dir", "/nowhere/../data") }},
	{name: "read-only root without the mount points", change: func(b *box) {
		b.spec.Root.Readonly = true
		b.bind("dir", "/missing/dir")
	}},
	{name: "a root without anything", change: func(b *box) {
		for _, name := range []string{"dev", "proc", "sys", "tmp", "run"} {
			guesttest.Must(b.tb, os.Remove(b.inRoot(name)))
		}
	}},
	{name: "proc is a link of the image", fails: true, change: func(b *box) {
		guesttest.Must(b.tb, os.Remove(b.inRoot("proc")))
		b.link("/data", b.inRoot("proc"))
	}},
	{name: "sys is a link of the image", fails: true, change: func(b *box) {
		guesttest.Must(b.tb, os.Remove(b.inRoot("sys")))
		b.link("/data", b.inRoot("sys"))
	}},
	{name: "dev is a link of the image", change: func(b *box) {
		guesttest.Must(b.tb, os.Remove(b.inRoot("dev")))
		b.link("/data", b.inRoot("dev"))
	}},
	{name: "the root is a mount", change: func(b *box) {
		guesttest.Must(b.tb, unix.Mount(b.root, b.root, "", unix.MS_BIND, ""))
		b.undo = append(b.undo, func() { _ = unix.Unmount(b.root, unix.MNT_DETACH) })
	}},
	{name: "the root is a mount with options", change: func(b *box) {
		guesttest.Must(b.tb, unix.Mount(b.root, b.root, "", unix.MS_BIND, ""))
		guesttest.Must(b.tb, unix.Mount("", b.root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_NODEV|unix.MS_NOATIME, ""))
		b.undo = append(b.undo, func() { _ = unix.Unmount(b.root, unix.MNT_DETACH) })
		b.spec.Root.Readonly = true
	}},
	{name: "the root holds mounts", change: func(b *box) {
		b.mountOn(b.inRoot("inner"), "tmpfs", unix.MS_NODEV, "mode=711")
		b.mountOn(b.inRoot("inner/most"), "tmpfs", 0, "mode=700")
		b.bind("dir", "/inner/most/dir")
	}},
	{name: "the root is on a tmpfs", change: func(b *box) {
		b.root = filepath.Join(b.dir, "memory")
		b.mountOn(b.root, "tmpfs", 0, "mode=755")
		copyAgain(b)
		b.spec.Root.Path = b.root
	}},
}

// shared makes a volume whose mounts come back and forth.
func shared(b *box, flags uintptr) {
	b.mountOn(filepath.Join(b.volume, "shared"), "tmpfs", 0, "mode=755")
	guesttest.Must(b.tb, unix.Mount("", filepath.Join(b.volume, "shared"), "", flags, ""))
	b.mountOn(filepath.Join(b.volume, "shared/below"), "tmpfs", 0, "mode=755")
}

func propagated(root string, options ...string) shape {
	name := "root " + root
	if root == "" {
		name = "root as usual"
	}
	for _, o := range options {
		name += ", " + o
	}
	by := ""
	if strings.HasSuffix(root, "shared") || root == "unbindable" {
		by = "shared root"
	}
	return shape{name: "propagation: " + name, by: by, change: func(b *box) {
		shared(b, unix.MS_SHARED)
		b.bind("shared", "/bound", options...)
		b.bind("dir", "/plain", options...)
		b.spec.Linux.RootfsPropagation = root
	}}
}

// propagationShapes are mounts and roots whose mounts come back and forth.
var propagationShapes = []shape{
	propagated(""), propagated("", "rshared"), propagated("", "rslave"), propagated("", "rprivate"),
	propagated("", "shared"), propagated("", "slave"), propagated("", "private"), propagated("", "unbindable"), propagated("", "runbindable"),
	propagated("", "rslave", "ro"), propagated("", "shared", "rprivate"),
	propagated("private"), propagated("rprivate", "rslave"), propagated("slave"), propagated("rslave", "rslave"), propagated("rslave", "rshared"),
	propagated("shared", "rshared"), propagated("rshared", "rshared"), propagated("unbindable"), propagated("rshared"),
	{name: "propagation: of a tmpfs", change: func(b *box) {
		b.mount("tmpfs", "tmpfs", "/memory", "rshared")
		b.mount("tmpfs", "tmpfs", "/memory-too", "unbindable")
	}},
	{name: "propagation: the guest's root is shared", change: func(b *box) {
		b.mountOn(filepath.Join(b.dir, "bundle"), "tmpfs", 0, "mode=755")
		guesttest.Must(b.tb, unix.Mount("", filepath.Join(b.dir, "bundle"), "", unix.MS_SHARED, ""))
		copyAgain(b)
	}},
	{name: "propagation: the guest's root is shared, and the container's", by: "shared root", change: func(b *box) {
		b.mountOn(filepath.Join(b.dir, "bundle"), "tmpfs", 0, "mode=755")
		guesttest.Must(b.tb, unix.Mount("", filepath.Join(b.dir, "bundle"), "", unix.MS_SHARED, ""))
		copyAgain(b)
		b.spec.Linux.RootfsPropagation = "rshared"
		b.bind("dir", "/plain", "rshared")
	}},
}

// copyAgain makes the root file system again where something has been mounted over it.
func copyAgain(b *box) {
	b.mkdir(b.root)
	for _, d := range []string{"bin", "dev", "proc", "sys", "tmp", "etc"} {
		b.mkdir(b.inRoot(d))
	}
	data, err := os.ReadFile(probe)
	guesttest.Must(b.tb, err)
	b.write(b.inRoot("bin/probe"), string(data), 0o755)
}
