// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/sys/oom"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
)

// score is the OOM score adjustment of components: a container is killed before them, but not if it is
// the component that has taken half of the memory.
const score = -500

// killAfter is how long a component may take to end when it is told to (SIGTERM).
const killAfter = time.Second

// Running is a component that was started. It belongs to whoever has started it: Wait or Close must be
// called, once.
type Running struct {
	pid   int
	pidfd *os.File
	lines *lines
}

// PID is its number, which only Wait and Close may use for a signal.
func (r *Running) PID() int { return r.pid }

// Start starts a component, in the place of a socket that an earlier one has left. line is called with
// each line that it prints, by one goroutine at a time.
func Start(p Process, line func(text string)) (*Running, error) {
	r, err := start(p, line)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.ID, err)
	}
	return r, nil
}

func start(p Process, line func(string)) (*Running, error) {
	if err := p.makeRoom(); err != nil {
		return nil, err
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	fd := -1
	command := p.command()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = p.environ(), theirs, theirs, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, PidFD: &fd}
	if err := oom.StartAs(cmd, score); err != nil {
		out.Close()
		return nil, err
	}
	r := &Running{pid: cmd.Process.Pid}
	_ = cmd.Process.Release() // it is waited for by the pidfd
	if r.pidfd, err = pollable(fd, r.pid); err != nil {
		out.Close()
		return nil, errors.Join(err, abandon(r.pid))
	}
	r.lines = readLines(out, line)
	return r, nil
}

// makeRoom makes the directory of the socket, and removes the socket of an earlier start.
func (p Process) makeRoom() error {
	if p.Socket == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.Socket), 0o755); err != nil {
		return err
	}
	if err := os.Remove(p.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// pollable makes a file of a pidfd on which Go's poller waits, so that no thread does. A kernel that has
// not given one at the clone gives it now: the process is not reaped yet.
func pollable(fd, pid int) (*os.File, error) {
	if fd < 0 {
		var err error
		if fd, err = unix.PidfdOpen(pid, 0); err != nil {
			return nil, fmt.Errorf("pidfd: %w", err)
		}
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("pidfd: %w", err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// abandon kills a child of which there is no pidfd.
func abandon(pid int) error {
	_ = unix.Kill(pid, unix.SIGKILL) // it is ours and not reaped
	var status unix.WaitStatus
	_, err := unix.Wait4(pid, &status, 0, nil)
	return err
}

// Exit is how a component has ended.
type Exit struct {
	// Code is what it returned, or 128 plus the signal that killed it.
	Code int
}

// Wait returns when the component has ended, with what it has started dead too and all that it has
// printed handed on. When ctx ends first it is told to end (SIGTERM), and killed if it does not.
func (r *Running) Wait(ctx context.Context) (Exit, error) {
	defer r.lines.close()
	defer r.pidfd.Close()
	if r.awaitExit(ctx) != nil {
		_ = pidfd.Send(r.pidfd, unix.SIGTERM)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), killAfter)
		defer cancel()
		if r.awaitExit(grace) != nil {
			_ = pidfd.Send(r.pidfd, unix.SIGKILL)
			_ = r.awaitExit(context.Background())
		}
	}
	return r.reap()
}

// Close kills the component.
func (r *Running) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := r.Wait(ctx)
	return err
}

// awaitExit returns nil when the process is a zombie, else the error of ctx.
func (r *Running) awaitExit(ctx context.Context) error {
	return await(ctx, r.pidfd, func(uintptr) bool { return pidfd.Reapable(r.pidfd) })
}

// awaitReadable returns nil when a process has ended, whose child it ever is, else the error of ctx.
func awaitReadable(ctx context.Context, process *os.File) error {
	return await(ctx, process, func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
}

// await asks whether a process has ended each time that its pidfd becomes readable.
func await(ctx context.Context, process *os.File, ended func(fd uintptr) bool) error {
	if err := process.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	unlink := context.AfterFunc(ctx, func() { _ = process.SetReadDeadline(time.Now()) })
	defer unlink()
	conn, err := process.SyscallConn()
	if err != nil {
		return err
	}
	err = conn.Read(ended)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// reap collects the zombie, whose number nobody else can have until then: so its session's process group
// is killed before.
func (r *Running) reap() (Exit, error) {
	_ = unix.Kill(-r.pid, unix.SIGKILL)
	code, exited, err := pidfd.Wait(r.pidfd)
	runtime.KeepAlive(r)
	if err == nil && !exited {
		err = errors.New("it does not end")
	}
	return Exit{Code: code}, err
}
