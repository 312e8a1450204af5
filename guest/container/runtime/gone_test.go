// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"golang.org/x/sys/unix"
)

// process starts a program as a Process of this test.
func process(t *testing.T, args ...string) *Process {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fd, err := pidfd.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	reaped := false
	t.Cleanup(func() {
		if !reaped {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			fd.Close()
		}
	})
	return &Process{Pid: cmd.Process.Pid, PidFD: fd, reap: func() int {
		_ = cmd.Wait()
		reaped = true
		return exitStatus(cmd.ProcessState)
	}}
}

// TestWaitGoneOfReaped is the case of a removal: the process's actor has reaped init, and
// closed its pidfd, before or while the removal waits for it.
func TestWaitGoneOfReaped(t *testing.T) {
	p := process(t, "sleep", "1000")
	waiting := make(chan struct{})
	go func() { p.WaitGone(); close(waiting) }()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	<-waiting
	if status := p.Reap(); status != 137 {
		t.Errorf("status %d, want 137", status)
	}
	p.WaitGone() // returns at once
	if err := p.Signal(unix.SIGTERM); err != nil {
		t.Errorf("signal to a reaped process: %v", err)
	}
}

func TestWaitGoneIsGivenUp(t *testing.T) {
	p := process(t, "sleep", "1000")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // clock: nothing else ends the wait
	defer cancel()
	p.waitGone(ctx)
	if err := p.Signal(0); err != nil {
		t.Errorf("the process that was waited for is gone: %v", err)
	}
}

// TestStartOfReapedInit finds a start that waits for ever for an init that is no more.
func TestStartOfReapedInit(t *testing.T) {
	fifo := t.TempDir() + "/exec.fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, reap := range map[string]bool{"zombie": false, "reaped": true} {
		t.Run(name, func(t *testing.T) {
			p := process(t, "true")
			p.WaitGone()
			if reap {
				p.Reap()
			}
			c := &Container{id: "c", state: filepath.Dir(fifo), init: p}
			_, err := c.Start(t.Context())
			if !errors.Is(err, ErrNotCreated) {
				t.Errorf("start: %v, want %v", err, ErrNotCreated)
			}
		})
	}
	if err := os.Remove(fifo); err != nil {
		t.Fatal(err)
	}
	c := &Container{id: "c", state: filepath.Dir(fifo), init: process(t, "sleep", "1000")}
	if _, err := c.Start(t.Context()); !errors.Is(err, ErrNotCreated) {
		t.Errorf("start of a started container: %v, want %v", err, ErrNotCreated)
	}
}

// TestStartOfShortLivedInit is an init that has run its whole program before the start
// looks: it was started all the same.
func TestStartOfShortLivedInit(t *testing.T) {
	fifo := t.TempDir() + "/exec.fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := process(t, "sh", "-c", "printf 0 > "+fifo)
	f, err := os.OpenFile(fifo, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gone, err := p.watch()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(gone)
	p.WaitGone()
	p.Reap()
	if err := awaitInit(t.Context(), f, gone); err != nil {
		t.Error(err)
	}
}

// TestExecAsInitEnds: what the kernel says of a clone into a pid namespace whose init is dead is about
// the container, not about memory.
func TestExecAsInitEnds(t *testing.T) {
	c := &Container{init: process(t, "sleep", "1000"), options: Options{Proc: "/proc"}}
	refused := &nsexec.Error{Step: nsexec.StepClone, Errno: unix.ENOMEM}
	if err := c.ended(refused); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("beside a living init: %v, want %v", err, unix.ENOMEM)
	}
	if err := c.ended(os.ErrClosed); errors.Is(err, ErrStopped) {
		t.Errorf("closed beside a living init: %v, want %v", err, os.ErrClosed)
	}
	// An init on its way out waits for the other processes of its namespace: it has not exited yet.
	c.options.Proc = t.TempDir()
	dying := filepath.Join(c.options.Proc, strconv.Itoa(c.init.Pid))
	if err := os.Mkdir(dying, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dying, "stat"), []byte("7 (a) b) S 1 7 7 0 -1 4194564 0 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.ended(refused); !errors.Is(err, ErrStopped) {
		t.Errorf("beside a dying init: %v, want %v", err, ErrStopped)
	}
	c.options.Proc = "/proc"
	if err := c.init.Kill(); err != nil {
		t.Fatal(err)
	}
	c.init.WaitGone()
	if err := c.ended(refused); !errors.Is(err, ErrStopped) {
		t.Errorf("beside a dead init: %v, want %v", err, ErrStopped)
	}
	if err := c.ended(fmt.Errorf("container: %w", os.ErrClosed)); !errors.Is(err, ErrStopped) {
		t.Errorf("closed behind a dead init: %v, want %v", err, ErrStopped)
	}
	absent := &nsexec.Error{Step: nsexec.StepLookup, Errno: unix.ENOENT}
	if err := c.ended(absent); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a program that is not there: %v, want %v", err, unix.ENOENT)
	}
}
