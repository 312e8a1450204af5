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
	"github.com/kata-containers/kata-agent/guest/guesttest"
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
	guesttest.NeedRoot(b, "to start containers")
	root := b.TempDir()
	for _, dir := range []string{"bin", "proc", "dev"} {
		guesttest.Must(b, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	busybox, err := os.ReadFile("/bin/busybox")
	guesttest.Must(b, err)
	guesttest.Must(b, os.WriteFile(filepath.Join(root, "bin/busybox"), busybox, 0o755))
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
	guesttest.Must(b, err)
	x := &box{}
	x.container, err = libcontainer.Create(b.TempDir(), name, config)
	guesttest.Must(b, err)
	init := &libcontainer.Process{Args: []string{"/bin/busybox", "sleep", "100000"}, Cwd: "/", Init: true}
	guesttest.Must(b, x.container.Start(init))
	b.Cleanup(func() {
		init.Signal(os.Kill)
		init.Wait()
		guesttest.Must(b, x.container.Destroy())
	})
	pid, _ := init.Pid()
	state, err := x.container.State()
	guesttest.Must(b, err)
	x.target, err = nsexec.OpenTarget(pid, state.CgroupPaths)
	guesttest.Must(b, err)
	guesttest.Must(b, x.container.Exec())
	x.helper, err = nsexec.Start(b.TempDir())
	guesttest.Must(b, err)
	x.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
	guesttest.Must(b, err)
	b.Cleanup(func() { x.null.Close(); x.helper.Close(); x.target.Close() })
	return x
}
