// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	_ "github.com/kata-containers/kata-agent/guest/boot/reexec" // libcontainer and the helper run this binary again
	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"golang.org/x/sys/unix"
)

// TestRemovalReapsStrays: a dead process in the container's pid namespace that nobody reaps
// keeps init from ending. A removal reaps it, and does not answer that init lives for ever;
// one that has an owner is left to its owner.
func TestRemovalReapsStrays(t *testing.T) {
	guesttest.NeedRoot(t, "to make namespaces")
	c, h := initOfNamespace(t), startHelper(t)
	stray, owner := enter(t, h, c), enter(t, h, c)
	kept := NewProcess(owner.Pid, owner.PidFD, nil)
	defer stray.PidFD.Close()
	if err := c.init.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, fd := range []*os.File{stray.PidFD, owner.PidFD} {
		awaitZombie(t, fd)
	}
	if c.reapStrays() {
		t.Error("init has ended, while a process of its namespace waits for its owner")
	}
	if _, _, err := pidfd.Wait(stray.PidFD); err == nil {
		t.Error("the stray was not reaped")
	}
	if status := kept.Reap(); status != 137 {
		t.Errorf("the owner got status %d, want 137", status)
	}
	c.init.WaitGone()
	if !c.reapStrays() {
		t.Error("init has not ended")
	}
}

func startHelper(t *testing.T) *nsexec.Helper {
	t.Helper()
	h, err := nsexec.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// initOfNamespace is a container of which only the init, in a pid namespace, is real.
func initOfNamespace(t *testing.T) *Container {
	t.Helper()
	cmd := exec.Command("sleep", "100000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := pidfd.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		fd.Close()
	})
	return &Container{options: Options{Proc: "/proc"}, init: &Process{Pid: cmd.Process.Pid, PidFD: fd}}
}

// enter starts a process in the namespace that nobody reaps.
func enter(t *testing.T, h *nsexec.Helper, c *Container) *nsexec.Process {
	t.Helper()
	target, err := nsexec.OpenTarget(c.init.Pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Spawn(t.Context(), &nsexec.Request{Target: target, Args: []string{path, "100000"}, Env: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func awaitZombie(t *testing.T, fd *os.File) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd.Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 60_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 {
			t.Fatalf("the process does not exit: %v", err)
		}
		return
	}
}
