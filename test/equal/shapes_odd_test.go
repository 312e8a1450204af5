// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// image changes a root file system so that what is made in it might go astray.
func image(name string, change func(*box)) shape {
	return shape{name: "image: " + name, change: change}
}

// oddImage has no /dev of its own making, so that the image's counts, and a terminal.
func oddImage(name string, change func(*box)) shape {
	s := image(name, func(b *box) {
		b.spec.Mounts = append(b.spec.Mounts[:1], b.spec.Mounts[4])
		b.stdio.Terminal = true
		b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666", "mode=0620"}})
		change(b)
	})
	s.by = devOfImage
	return s
}

// oddShapes are images and mounts that lead elsewhere, as somebody makes them who wants to get out.
var oddShapes = []shape{
	oddImage("/dev with nothing odd", func(*box) {}),
	oddImage("/dev/console is a link to a file", func(b *box) {
		b.write(b.inRoot("data/console"), "", 0o600)
		b.link("/data/console", b.inRoot("dev/console"))
		b.look = append(b.look, "/data/console")
	}),
	oddImage("/dev/console is a link to proc", func(b *box) { b.link("/proc/version", b.inRoot("dev/console")) }),
	oddImage("/dev/console is a link to nothing", func(b *box) { b.link("/data/new-console", b.inRoot("dev/console")) }),
	oddImage("/dev/console is a directory", func(b *box) { b.mkdir(b.inRoot("dev/console")) }),
	oddImage("/dev/ptmx is a link", func(b *box) { b.link("/proc/version", b.inRoot("dev/ptmx")) }),
	oddImage("/dev/pts is a link", func(b *box) {
		b.mkdir(b.inRoot("data/pts"))
		b.link("/data/pts", b.inRoot("dev/pts"))
	}),
	oddImage("/dev/null is a link", func(b *box) { b.link("/data/null", b.inRoot("dev/null")) }),
	oddImage("/dev/null is a link to zero", func(b *box) { b.link("zero", b.inRoot("dev/null")) }),
	oddImage("/dev/null is a file", func(b *box) { b.write(b.inRoot("dev/null"), "content", 0o644) }),
	oddImage("/dev/fd is a file", func(b *box) { b.write(b.inRoot("dev/fd"), "content", 0o644) }),
	oddImage("/dev is a file", func(b *box) {
		guesttest.Must(b.tb, os.Remove(b.inRoot("dev")))
		b.write(b.inRoot("dev"), "", 0o644)
	}),
	oddImage("/dev is a link upwards", func(b *box) {
		guesttest.Must(b.tb, os.Remove(b.inRoot("dev")))
		b.link("../../../../data", b.inRoot("dev"))
	}),
	image("proc of its own, with files for labels and scores", func(b *box) {
		for _, file := range []string{"self/attr/exec", "self/oom_score_adj", "thread-self/attr/exec", "sys/kernel/msgmax", "self/fd/0", "self/mountinfo"} {
			b.mkdir(filepath.Dir(b.inRoot("proc/" + file)))
			b.write(b.inRoot("proc/"+file), "untouched", 0o666)
		}
		b.spec.Mounts = b.spec.Mounts[1:]
		b.spec.Process.OOMScoreAdj = pointer(7)
		b.spec.Linux.Sysctl = map[string]string{"kernel.msgmax": "4000"}
		b.spec.Linux.MaskedPaths, b.spec.Linux.ReadonlyPaths = nil, nil
		b.look = append(b.look, "/proc/self/oom_score_adj", "/proc/sys/kernel/msgmax")
	}),
	image("no proc at all", func(b *box) {
		b.spec.Mounts = b.spec.Mounts[1:]
		guesttest.Must(b.tb, os.Remove(b.inRoot("proc")))
	}),
	image("a link to the root of a process", func(b *box) {
		b.link("/proc/self/root", b.inRoot("magic"))
		b.bind("dir", "/magic/data")
	}),
	image("a link to the working directory of a process", func(b *box) {
		b.link("/proc/1/cwd", b.inRoot("magic"))
		b.bind("dir", "/magic/data")
	}),
	image("a link to a descriptor", func(b *box) {
		b.link("/proc/self/fd/3", b.inRoot("magic"))
		b.bind("dir", "/magic")
		b.bind("file", "/magic/file")
	}),
	image("a masked path by a link to the root of a process", func(b *box) {
		b.link("/proc/self/root/data", b.inRoot("magic"))
		b.spec.Linux.MaskedPaths = []string{"/magic/sub", "/proc/self/root/etc/passwd"}
		b.spec.Linux.ReadonlyPaths = []string{"/magic"}
		b.look = append(b.look, "/data", "/data/sub", "/etc/passwd")
	}),
	image("a working directory by a link to a descriptor", func(b *box) {
		b.link("/proc/self/fd/7/../../..", b.inRoot("magic"))
		b.spec.Process.Cwd = "/magic"
	}),
	says("was not found", image("a program by a descriptor", func(b *box) { b.spec.Process.Args = []string{"/proc/self/fd/7"} })),
	staged(image("a program that is the process's own", func(b *box) { b.spec.Process.Args = []string{"/proc/self/exe"} })),
	image("a passwd by a link to the guest's", func(b *box) {
		guesttest.Must(b.tb, os.Remove(b.inRoot("etc/passwd")))
		b.link("../../../../../../../etc/passwd", b.inRoot("etc/passwd"))
		b.spec.Process.User.UID = 1
	}),
	image("a passwd that is a device", func(b *box) {
		guesttest.Must(b.tb, os.Remove(b.inRoot("etc/passwd")))
		b.link("/dev/null", b.inRoot("etc/passwd"))
		b.spec.Process.User.UID = 1000
	}),
	image("a destination in the root of a process", func(b *box) { b.bind("dir", "/proc/self/root/data") }),
	image("a destination in a descriptor", func(b *box) { b.bind("dir", "/proc/thread-self/fd/3") }),
	image("a source by a descriptor that is not open", func(b *box) { b.mount("bind", "/proc/self/fd/200", "/bound", "bind") }),
	image("a source that is an empty word", func(b *box) { b.mount("bind", "", "/bound", "bind") }),
	image("a destination that is an empty word", func(b *box) { b.bind("dir", "") }),
	image("a destination with a name that is too long", func(b *box) { b.bind("dir", "/"+string(make([]byte, 300))) }),
	image("a destination with blanks", func(b *box) { b.bind("dir", "/a b\tc\\d") }),
}
