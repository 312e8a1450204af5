// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// box is all that a container is made of: a directory at the same place for both ways, made anew for each.
type box struct {
	tb     testing.TB
	dir    string
	root   string // the container's root file system, below dir
	volume string // a directory with files and links, below dir
	id     string
	spec   *specs.Spec
	stdio  runtime.Stdio
	look   []string // paths in the container that are looked at closely
	given  map[string]string
	undo   []func()
}

// busybox is the machine's, linked statically, for hooks and interpreters in the container.
const busybox = "/bin/busybox"

// programs are in every root file system.
var programs = []string{"probe", "busybox"}

// newBox makes the root file system and the spec that all cases begin with.
func newBox(tb testing.TB, dir string) *box {
	tb.Helper()
	b := &box{tb: tb, dir: dir, root: filepath.Join(dir, "bundle/rootfs"), volume: filepath.Join(dir, "volume"), id: "equal", given: map[string]string{}}
	for _, d := range []string{"bin", "dev", "etc", "proc", "root", "sys", "tmp", "run", "home/user", "data/sub"} {
		b.mkdir(filepath.Join(b.root, d))
	}
	for _, name := range programs {
		guesttest.Must(tb, os.Link(filepath.Join(filepath.Dir(probe), name), filepath.Join(b.root, "bin", name)))
	}
	for _, applet := range []string{"sh", "cat", "mkdir", "true"} {
		b.link("busybox", filepath.Join(b.root, "bin", applet))
	}
	guesttest.Must(tb, os.Chmod(filepath.Join(b.root, "tmp"), os.ModeSticky|0o777))
	b.write(filepath.Join(b.root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n", 0o644)
	b.write(filepath.Join(b.root, "etc/group"), "root:x:0:\nuser:x:1000:\nextra:x:7:user\n", 0o644)
	b.link("/data", filepath.Join(b.root, "absolute"))
	b.link("../../../../data", filepath.Join(b.root, "upwards"))
	b.link("data/sub", filepath.Join(b.root, "relative"))
	b.link("loop", filepath.Join(b.root, "loop"))
	b.mkdir(filepath.Join(b.volume, "dir"))
	b.write(filepath.Join(b.volume, "file"), "content\n", 0o640)
	b.link("file", filepath.Join(b.volume, "link"))
	b.spec = goHost(b.root)
	return b
}

func (b *box) mkdir(dir string) { b.tb.Helper(); guesttest.Must(b.tb, os.MkdirAll(dir, 0o755)) }

func (b *box) link(target, at string) { b.tb.Helper(); guesttest.Must(b.tb, os.Symlink(target, at)) }

func (b *box) write(file, content string, mode os.FileMode) {
	b.tb.Helper()
	guesttest.Must(b.tb, os.WriteFile(file, []byte(content), mode))
	guesttest.Must(b.tb, os.Chmod(file, mode))
}

// ownPrograms gives the root file system programs of its own: those of all boxes are the same files.
func (b *box) ownPrograms() {
	b.tb.Helper()
	for _, name := range programs {
		data, err := os.ReadFile(b.inRoot("bin/" + name))
		guesttest.Must(b.tb, err)
		guesttest.Must(b.tb, os.Remove(b.inRoot("bin/"+name)))
		b.write(b.inRoot("bin/"+name), string(data), 0o755)
	}
}

// inRoot is a path of the container's as the tests see it before it is made.
func (b *box) inRoot(path string) string { return filepath.Join(b.root, path) }

// mount adds mounts to the spec.
func (b *box) mount(kind, source, destination string, options ...string) {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Type: kind, Source: source, Destination: destination, Options: options})
	b.look = append(b.look, destination)
}

// bind adds a bind of something in the volume.
func (b *box) bind(name, destination string, options ...string) {
	b.mount("bind", filepath.Join(b.volume, name), destination, append([]string{"rbind"}, options...)...)
}

// mountOn makes a mount outside, that lasts as long as the box.
func (b *box) mountOn(dir, kind string, flags uintptr, data string) {
	b.tb.Helper()
	b.mkdir(dir)
	guesttest.Must(b.tb, unix.Mount(kind, dir, kind, flags, data))
	b.undo = append(b.undo, func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// chown gives the root file system to the ids of a user namespace.
func (b *box) chown(first int) {
	b.tb.Helper()
	b.ownPrograms()
	guesttest.Must(b.tb, filepath.Walk(b.root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		if err := os.Lchown(path, first+int(st.Uid), first+int(st.Gid)); err != nil || info.Mode()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(path, info.Mode())
	}))
	for dir := b.root; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		guesttest.Must(b.tb, os.Chmod(dir, 0o755))
	}
}

func (b *box) close() {
	for i := len(b.undo) - 1; i >= 0; i-- {
		b.undo[i]()
	}
	if err := os.RemoveAll(b.dir); err != nil {
		b.tb.Error(err)
	}
}

// capabilities are what containerd gives a container by default.
var capabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

var maskedPaths = []string{
	"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
}

var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// goHost is a container as it comes from Kata's Go runtime, with what the agent adds.
func goHost(root string) *specs.Spec {
	return &specs.Spec{
		Version: "1.1.0", Root: &specs.Root{Path: root},
		Process: &specs.Process{
			Args: []string{"/bin/probe"}, Cwd: "/", NoNewPrivileges: true,
			Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", "HOSTNAME=pod"},
			Capabilities: &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
		},
		Annotations: map[string]string{"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "name"},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: fmt.Sprintf("/equal-%d", os.Getpid()),
			Namespaces:  []specs.LinuxNamespace{{Type: "ipc"}, {Type: "uts"}, {Type: "mount"}, {Type: "pid"}},
			Resources:   &specs.LinuxResources{CPU: &specs.LinuxCPU{}, Memory: &specs.LinuxMemory{}},
			MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths,
		},
	}
}
