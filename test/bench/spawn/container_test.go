// SPDX-License-Identifier: Apache-2.0

package spawn

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/opencontainers/cgroups/devices"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"

	_ "github.com/kata-containers/kata-agent/guest/boot/reexec" // libcontainer starts containers by running this binary again
	"github.com/kata-containers/kata-agent/guest/container/nsexec"
)

// box is a running container and the helper.
type box struct {
	container *libcontainer.Container
	target    *nsexec.Target
	helper    *nsexec.Helper
	null      *os.File
}

func newBox(b *testing.B) *box {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("needs root")
	}
	root := b.TempDir()
	for _, dir := range []string{"bin", "proc", "dev"} {
		must(b, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	busybox, err := os.ReadFile("/bin/busybox")
	must(b, err)
	must(b, os.WriteFile(filepath.Join(root, "bin/busybox"), busybox, 0o755))
	name := fmt.Sprintf("bench-%d", os.Getpid())
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: name, NoNewKeyring: true, Spec: &specs.Spec{
		Root:     &specs.Root{Path: root},
		Hostname: "box",
		Process:  &specs.Process{Cwd: "/"},
		Mounts:   []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}, {Destination: "/dev", Type: "tmpfs", Source: "tmpfs"}},
		Linux: &specs.Linux{
			CgroupsPath: "/" + name, Resources: &specs.LinuxResources{},
			Namespaces: []specs.LinuxNamespace{{Type: "mount"}, {Type: "pid"}, {Type: "ipc"}, {Type: "uts"}},
		},
	}})
	must(b, err)
	x := &box{}
	x.container, err = libcontainer.Create(b.TempDir(), name, config)
	must(b, err)
	init := &libcontainer.Process{Args: []string{"/bin/busybox", "sleep", "100000"}, Cwd: "/", Init: true}
	must(b, x.container.Start(init))
	b.Cleanup(func() {
		init.Signal(os.Kill)
		init.Wait()
		must(b, x.container.Destroy())
	})
	pid, _ := init.Pid()
	state, err := x.container.State()
	must(b, err)
	x.target, err = nsexec.OpenTarget(pid, state.CgroupPaths)
	must(b, err)
	must(b, x.container.Exec())
	x.helper, err = nsexec.Start(b.TempDir())
	must(b, err)
	x.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
	must(b, err)
	b.Cleanup(func() { x.null.Close(); x.helper.Close(); x.target.Close() })
	return x
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
