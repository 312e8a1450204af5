// SPDX-License-Identifier: Apache-2.0

package nsexec_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/opencontainers/cgroups/devices"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	_ "github.com/kata-containers/kata-agent/guest/boot/reexec" // libcontainer starts containers by running this binary again
	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
)

const hang = guard.Hang

func TestMain(m *testing.M) {
	switch os.Getenv("SPAWN_TEST") {
	case "agent":
		runAgent()
	case "overwrite":
		runOverwrite()
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// container is a running container made by libcontainer.
type container struct {
	*libcontainer.Container
	init   *libcontainer.Process
	pid    int
	paths  map[string]string // cgroups
	rootfs string
	target *nsexec.Target
}

type variant struct {
	userNS   bool
	readOnly bool
	hostPID  bool
	change   func(*specs.Spec)
	rootfs   func(dir string)
}

var containers atomic.Int64

// rootfs makes a file system of busybox and the files that programs look for.
func rootfs(t testing.TB) string {
	t.Helper()
	dir := guesttest.Busybox(t, "home/user", "private")
	os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"), 0o644)
	// Only uid 1000 of the container may enter, root without capabilities may not.
	os.Chown(filepath.Join(dir, "private"), 1000, 1000)
	os.Chmod(filepath.Join(dir, "private"), 0o700)
	return dir
}

func newContainer(t testing.TB, v variant) *container {
	t.Helper()
	guesttest.NeedRoot(t, "to start containers")
	root := rootfs(t)
	if v.rootfs != nil {
		v.rootfs(root)
	}
	name := fmt.Sprintf("spawn-%d-%d", os.Getpid(), containers.Add(1))
	spec := &specs.Spec{
		Version: "1.0.2", Hostname: "box",
		Root:    &specs.Root{Path: root, Readonly: v.readOnly},
		Process: &specs.Process{Args: []string{"/bin/sleep", "100000"}, Cwd: "/", Env: []string{"PATH=/bin"}},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=755"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666", "mode=0620"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: "/" + name,
			Namespaces:  []specs.LinuxNamespace{{Type: "mount"}, {Type: "ipc"}, {Type: "uts"}, {Type: "cgroup"}, {Type: "network"}},
			Resources:   &specs.LinuxResources{},
		},
	}
	if !v.hostPID {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "pid"})
	}
	if v.userNS {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
		ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 65536}}
		spec.Linux.UIDMappings, spec.Linux.GIDMappings = ids, ids
		chownTree(t, root, 200000)
	}
	if v.change != nil {
		v.change(spec)
	}
	cfg, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: name, NoNewKeyring: true, Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, name, cfg, root)
}

func start(t testing.TB, name string, cfg *configs.Config, root string) *container {
	t.Helper()
	umask := uint32(0o022)
	cfg.Umask = &umask
	lc, err := libcontainer.Create(t.TempDir(), name, cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &container{Container: lc, rootfs: root}
	c.init = &libcontainer.Process{Args: []string{"/bin/sleep", "100000"}, Env: []string{"PATH=/bin"}, Cwd: "/", Init: true}
	if err := lc.Start(c.init); err != nil {
		lc.Destroy()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		lc.Resume()
		c.init.Signal(os.Kill)
		c.init.Wait()
		if err := lc.Destroy(); err != nil {
			t.Error(err)
		}
	})
	c.pid, _ = c.init.Pid()
	state, err := lc.State()
	if err != nil {
		t.Fatal(err)
	}
	c.paths = state.CgroupPaths
	if c.target, err = nsexec.OpenTarget(c.pid, state.CgroupPaths); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.target.Close() })
	if err := lc.Exec(); err != nil {
		t.Fatal(err)
	}
	return c
}

func chownTree(t testing.TB, root string, base int) {
	t.Helper()
	filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			s := info.Sys().(*syscall.Stat_t)
			os.Lchown(path, base+int(s.Uid), base+int(s.Gid))
			if info.Mode()&os.ModeSymlink == 0 {
				os.Chmod(path, info.Mode())
			}
		}
		return nil
	})
}

func startHelper(t testing.TB) *nsexec.Helper {
	t.Helper()
	guesttest.NeedRoot(t, "to start containers")
	h, err := nsexec.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// newHelper also checks that the test leaves no descriptor and no child behind. Make
// containers before it: libcontainer keeps some open for good.
func newHelper(t testing.TB) *nsexec.Helper {
	t.Helper()
	guesttest.NeedRoot(t, "to start containers")
	descriptors, children := guesttest.Descriptors(t), len(guesttest.Children(os.Getpid()))
	t.Cleanup(func() {
		guard.Until(t, "descriptors are closed", func() bool { return guesttest.Descriptors(t) <= descriptors })
		if !guard.Holds(func() bool { return len(guesttest.Children(os.Getpid())) <= children }) {
			t.Errorf("children %v are left, want the %d from before", guesttest.Children(os.Getpid()), children)
		}
	})
	return startHelper(t)
}

// wait reaps a process and returns how it ended.
func wait(t testing.TB, p *nsexec.Process) syscall.WaitStatus {
	t.Helper()
	defer p.PidFD.Close()
	fds := []unix.PollFd{{Fd: int32(p.PidFD.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(hang.Milliseconds()))
	for err == unix.EINTR {
		n, err = unix.Poll(fds, int(hang.Milliseconds()))
	}
	if n != 1 {
		t.Errorf("process %d does not exit: %v", p.Pid, err)
		return 0
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(p.Pid, &status, syscall.WNOHANG, nil); err != nil {
		t.Error(err)
	}
	return status
}

// run starts a process, waits for it and returns what it wrote.
func run(t testing.TB, h *nsexec.Helper, r *nsexec.Request) (string, error) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	req := *r
	req.Files[1], req.Files[2] = in, in
	p, err := h.Spawn(t.Context(), &req)
	in.Close()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if s := wait(t, p); s.Signaled() {
		t.Errorf("killed by %v", s.Signal())
	}
	return string(text), nil
}

// request has what any process needs.
func (c *container) request(args ...string) *nsexec.Request {
	umask := uint32(0o022)
	return &nsexec.Request{
		Target: c.target, Args: args, Env: []string{"PATH=/bin", "HOME=/root"}, Cwd: "/", Umask: &umask,
	}
}
