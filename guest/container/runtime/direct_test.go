// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/kata-containers/kata-agent/guest/boot/reexec" // libcontainer starts containers by running this binary again
	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// box is what containers are made of in a test.
type box struct {
	root    string
	options runtime.Options
}

var boxes atomic.Int64

func newBox(t testing.TB, way runtime.InitWay) *box {
	t.Helper()
	guesttest.NeedRoot(t, "to start containers")
	h, err := nsexec.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return &box{
		root: guesttest.Busybox(t),
		options: runtime.Options{
			StateRoot: t.TempDir(), Sys: "/sys", Proc: "/proc", Spawn: runtime.NewSpawner(h), Init: way,
		},
	}
}

// spec is that of a usual container.
func (b *box) spec(name string, args ...string) *specs.Spec {
	caps := []string{"CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_MKNOD"}
	return &specs.Spec{
		Version: "1.0.2", Hostname: "box",
		Root: &specs.Root{Path: b.root},
		Process: &specs.Process{
			Args: args, Cwd: "/", Env: []string{"PATH=/bin"},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		},
		Linux: &specs.Linux{
			CgroupsPath:   "/" + name,
			Namespaces:    []specs.LinuxNamespace{{Type: "pid"}, {Type: "mount"}, {Type: "ipc"}, {Type: "uts"}},
			Resources:     &specs.LinuxResources{},
			MaskedPaths:   []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

// create makes a container that is removed with the test.
func (b *box) create(t testing.TB, spec *specs.Spec, stdio runtime.Stdio) (*runtime.Container, error) {
	t.Helper()
	id := strings.TrimPrefix(spec.Linux.CgroupsPath, "/")
	c, _, err := runtime.Create(context.Background(), b.options, runtime.CreateOptions{
		ID: id, Bundle: filepath.Dir(b.root), Spec: spec, Stdio: stdio,
	})
	if c != nil && err != nil {
		t.Errorf("left behind: %v", c.Abandon())
	}
	return c, err
}

func newName() string { return fmt.Sprintf("direct-%d-%d", os.Getpid(), boxes.Add(1)) }

// run runs a container to its end, and returns what it has written and its status.
func (b *box) run(t testing.TB, spec *specs.Spec) (string, int, *runtime.Container) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, err := b.create(t, spec, runtime.Stdio{Files: [3]*os.File{nil, w, w}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	out := new(bytes.Buffer)
	if _, err := io.Copy(out, r); err != nil {
		t.Fatal(err)
	}
	c.Init().WaitGone()
	status := c.Init().Reap()
	if _, err := c.Destroy(context.Background()); err != nil {
		t.Error(err)
	}
	return out.String(), status, c
}

// TestDirect: the init of a usual container is made directly, and what shows of its surroundings is what
// libcontainer makes of them.
func TestDirect(t *testing.T) {
	guesttest.HearAllSignals()
	const look = `hostname; pwd; umask; cat /proc/self/mountinfo | sed 's/^[0-9]* [0-9]* [0-9]*:[0-9]* //; s/direct-[0-9-]*/ID/g; s/TestDirect[^ ]*rootfs/ROOT/'; ls -la /dev | sed 's/ ... .. ..:.. / /'; cat /proc/sys/net/ipv4/ip_forward; grep -E '^(Sig[^Q]|Cap|NoNew|Groups|Uid|Gid|Umask)' /proc/self/status; exit 3`
	for name, change := range map[string]func(*box, *specs.Spec){
		"usual": func(*box, *specs.Spec) {},
		"read-only": func(_ *box, s *specs.Spec) {
			s.Root.Readonly = true
			s.Mounts[1].Options = append(s.Mounts[1].Options, "ro")
		},
		"cgroup and network namespaces": func(_ *box, s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "cgroup"}, specs.LinuxNamespace{Type: "network"})
			s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
		},
		"directories that are missing": func(_ *box, s *specs.Spec) {
			s.Process.Cwd = "/new/directory"
			s.Mounts = append(s.Mounts,
				specs.Mount{Type: "bind", Source: "/etc/passwd", Destination: "/not/there/file", Options: []string{"rbind", "ro", "rslave"}},
				specs.Mount{Type: "bind", Source: "/etc", Destination: "/not/either", Options: []string{"bind", "nosuid", "rprivate"}})
		},
		"no pivot_root": func(b *box, _ *specs.Spec) { b.options.NoPivotRoot = true },
	} {
		t.Run(name, func(t *testing.T) {
			var outputs []string
			for _, want := range []string{runtime.WayLibcontainer, runtime.WayDirect} {
				b := newBox(t, map[string]runtime.InitWay{runtime.WayDirect: runtime.InitDirect}[want])
				spec := b.spec(newName(), "sh", "-c", look)
				change(b, spec)
				out, status, c := b.run(t, spec)
				if way, reason := c.Way(); way != want {
					t.Errorf("the init was made by %s (%s), want %s", way, reason, want)
				}
				if status != 3 {
					t.Errorf("status %d, want 3\n%s", status, out)
				}
				outputs = append(outputs, out)
			}
			if outputs[0] != outputs[1] {
				t.Errorf("by libcontainer:\n%s\ndirectly:\n%s\nwant the same", outputs[0], outputs[1])
			}
		})
	}
}

func BenchmarkLife(b *testing.B) {
	for name, way := range map[string]runtime.InitWay{"libcontainer": runtime.InitLibcontainer, "direct": runtime.InitDirect} {
		b.Run(name, func(b *testing.B) {
			box := newBox(b, way)
			for b.Loop() {
				c, err := box.create(b, box.spec(newName(), "sleep", "1000"), runtime.Stdio{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.Start(context.Background()); err != nil {
					b.Fatal(err)
				}
				_ = c.Init().Kill()
				c.Init().WaitGone()
				c.Init().Reap()
				if _, err := c.Destroy(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
