// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

func device(path, kind string, major, minor int64, mode os.FileMode, uid, gid uint32) specs.LinuxDevice {
	return specs.LinuxDevice{Path: path, Type: kind, Major: major, Minor: minor, FileMode: &mode, UID: &uid, GID: &gid}
}

// deviceShapes have devices of their own.
var deviceShapes = []shape{
	{name: "devices with modes and owners", change: func(b *box) {
		b.spec.Linux.Devices = []specs.LinuxDevice{
			device("/dev/char", "c", 10, 229, 0o640, 7, 8), device("/dev/block", "b", 7, 3, 0o660, 0, 6), device("/dev/pipe", "p", 0, 0, 0o622, 1000, 0),
			device("/dev/more/and/more", "c", 1, 3, 0o4755, 0, 0), device("/elsewhere/node", "u", 1, 5, 0o001, 3, 4),
			{Path: "/dev/plain", Type: "c", Major: 1, Minor: 7},
		}
		b.look = append(b.look, "/dev/char", "/dev/more/and/more", "/elsewhere/node", "/dev/plain")
	}},
	{name: "devices in place of the usual ones", change: func(b *box) {
		b.spec.Linux.Devices = []specs.LinuxDevice{device("/dev/null", "c", 1, 3, 0o600, 9, 9), device("/dev/ptmx", "c", 5, 2, 0o600, 9, 9), device("/dev/tty", "c", 1, 5, 0o644, 1, 1)}
	}},
	{name: "a device where the image has a file", change: func(b *box) {
		b.write(b.inRoot("node"), "", 0o600)
		b.spec.Linux.Devices = []specs.LinuxDevice{device("/node", "c", 1, 3, 0o666, 0, 0)}
		b.look = append(b.look, "/node")
	}},
	{name: "a device below a link of the image", change: func(b *box) {
		b.spec.Linux.Devices = []specs.LinuxDevice{device("/absolute/node", "c", 1, 3, 0o666, 0, 0), device("/upwards/../node", "c", 1, 3, 0o666, 0, 0)}
		b.look = append(b.look, "/data/node")
	}},
	{name: "devices of the cgroup", change: func(b *box) {
		b.spec.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{
			{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: pointer(int64(1)), Minor: pointer(int64(3)), Access: "rw"},
			{Allow: true, Type: "b", Major: pointer(int64(7)), Access: "r"}, {Allow: true, Type: "c", Access: "m"},
		}
	}},
	{name: "an image with links in /dev", by: devOfImage, change: func(b *box) {
		b.spec.Mounts = append(b.spec.Mounts[:1], b.spec.Mounts[4])
		b.link("/data/core", b.inRoot("dev/core"))
		b.link("/data/fd", b.inRoot("dev/fd"))
		b.link("/data/ptmx", b.inRoot("dev/ptmx"))
		b.write(b.inRoot("dev/stdin"), "", 0o600)
	}},
	{name: "a terminal", change: func(b *box) { b.stdio.Terminal = true }},
	{name: "a terminal with a size", change: func(b *box) { b.stdio.Terminal, b.stdio.Rows, b.stdio.Columns = true, 24, 80 }},
	{name: "a terminal of a user", change: func(b *box) {
		b.stdio.Terminal = true
		b.spec.Process.User = specs.User{UID: 1000, GID: 1001}
	}},
	{name: "a terminal, and a console in the image", change: func(b *box) {
		b.stdio.Terminal = true
		b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/dev/console", Type: "bind", Source: filepath.Join(b.volume, "file"), Options: []string{"bind"}})
	}},
	{name: "a terminal and a read-only root", change: func(b *box) { b.stdio.Terminal, b.spec.Root.Readonly = true, true }},
	{name: "a terminal without devpts", change: func(b *box) {
		b.stdio.Terminal = true
		b.spec.Mounts = append(b.spec.Mounts[:2], b.spec.Mounts[3:]...)
	}, fails: true},
	{name: "streams that are null", change: func(b *box) { b.stdio.Files[0] = nil }},
	{name: "a stream that is a pipe", change: func(b *box) {
		r, w, err := os.Pipe()
		guesttest.Must(b.tb, err)
		b.stdio.Files[0] = r
		b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
		b.undo = append(b.undo, func() { r.Close(); w.Close() })
	}},
}

// pathShapes are paths that are hidden, or may not be written to.
var pathShapes = []shape{
	{name: "masked paths", change: func(b *box) {
		b.write(b.inRoot("data/file"), "content", 0o644)
		b.link("file", b.inRoot("data/link"))
		b.spec.Linux.MaskedPaths = append([]string{"/data/file", "/data/sub", "/data/nothing", "/etc/passwd", "/data/file", "/data/./file"}, maskedPaths...)
		b.look = append(b.look, "/data/file", "/data/sub", "/data/link", "/etc/passwd", "/proc/kcore", "/sys/firmware", "/proc/keys")
	}},
	{name: "masked paths through links", change: func(b *box) {
		b.write(b.inRoot("data/file"), "content", 0o644)
		b.link("/data/file", b.inRoot("to-file"))
		b.link("/nowhere", b.inRoot("dangling"))
		b.spec.Linux.MaskedPaths = []string{"/to-file", "/absolute/sub", "/dangling", "/data/../etc"}
		b.look = append(b.look, "/data/file", "/data/sub", "/etc")
	}},
	{name: "masked mounts", change: func(b *box) {
		b.bind("dir", "/bound")
		b.bind("file", "/bound-file")
		b.spec.Linux.MaskedPaths = []string{"/bound", "/bound-file"}
	}},
	{name: "many masked directories", change: func(b *box) {
		for _, name := range []string{"a", "b", "c"} {
			b.mkdir(b.inRoot("data/" + name))
			b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, "/data/"+name)
		}
		b.look = append(b.look, "/data/a", "/data/b", "/data/c")
	}},
	{name: "a masked path that is a link in a circle", fails: true, change: func(b *box) { b.spec.Linux.MaskedPaths = []string{"/loop"} }},
	{name: "a masked path below a file", fails: true, change: func(b *box) { b.spec.Linux.MaskedPaths = []string{"/etc/passwd/x"} }},
	{name: "a relative masked path", change: func(b *box) { b.spec.Linux.MaskedPaths = []string{"data/sub"}; b.look = append(b.look, "/data/sub") }},
	{name: "read-only paths", change: func(b *box) {
		b.bind("dir", "/bound", "nosuid", "noexec")
		b.spec.Linux.ReadonlyPaths = append([]string{"/data", "/etc/passwd", "/nothing", "/bound", "/absolute", "/data"}, readonlyPaths...)
		b.look = append(b.look, "/data", "/etc/passwd", "/proc/sys", "/proc/sysrq-trigger")
	}},
	{name: "a read-only path with a mount below", change: func(b *box) {
		b.mount("tmpfs", "tmpfs", "/data/sub", "noexec")
		b.spec.Linux.ReadonlyPaths = []string{"/data"}
	}},
	{name: "a read-only path that is a link in a circle", fails: true, change: func(b *box) { b.spec.Linux.ReadonlyPaths = []string{"/loop"} }},
	{name: "paths that are masked and read-only", change: func(b *box) {
		b.spec.Linux.ReadonlyPaths, b.spec.Linux.MaskedPaths = []string{"/data", "/etc"}, []string{"/data", "/etc/passwd"}
		b.look = append(b.look, "/data", "/etc/passwd")
	}},
	{name: "no masked and read-only paths", change: func(b *box) {
		b.spec.Linux.ReadonlyPaths, b.spec.Linux.MaskedPaths = nil, nil
		b.look = append(b.look, "/proc/sysrq-trigger", "/proc/sys")
	}},
	{name: "masked paths without a null device", fails: true, change: func(b *box) {
		b.spec.Mounts = append(b.spec.Mounts[:1], b.spec.Mounts[4])
		b.mkdir(b.inRoot("dev/null"))
	}},
	{name: "the null device is another", fails: true, change: func(b *box) {
		b.spec.Mounts = append(b.spec.Mounts[:1], b.spec.Mounts[4])
		guesttest.Must(b.tb, unix.Mknod(b.inRoot("dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))))
	}},
}
