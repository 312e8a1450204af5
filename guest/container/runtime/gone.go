// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"

	"golang.org/x/sys/unix"
)

// pollInterval is how often a wait for a process looks whether it has been given up, in
// milliseconds.
const pollInterval = 50

// WaitGone waits until the process has exited; it does not reap.
func (p *Process) WaitGone() { p.waitGone(context.Background()) }

// KillAndReap ends a process that nobody wants any more. It does not wait: what is frozen, or
// held up by a tracer, is reaped later. Reap must not be called then.
func (p *Process) KillAndReap() {
	_ = p.Kill()
	p.CloseTerminal()
	go p.reapGone()
}

func (p *Process) reapGone() {
	p.WaitGone()
	p.AwaitReapable()
	p.Reap()
}

// WaitInit waits until init has exited or ctx ends.
func (c *Container) WaitInit(ctx context.Context) { c.init.waitGone(ctx) }

// waitGone waits until the process has exited or ctx ends; it does not reap.
func (p *Process) waitGone(ctx context.Context) {
	fd, err := p.watch()
	if err != nil {
		return
	}
	defer unix.Close(fd)
	timeout := pollInterval
	if ctx.Done() == nil {
		timeout = -1
	}
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		if n, err := unix.Poll(fds, timeout); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// exited tells whether the process has exited, reaped or not.
func (p *Process) exited() bool {
	conn, err := p.PidFD.SyscallConn()
	if err != nil {
		return true // closed by Reap
	}
	ready := false
	err = conn.Control(func(n uintptr) {
		fds := []unix.PollFd{{Fd: int32(n), Events: unix.POLLIN}}
		got, _ := unix.Poll(fds, 0)
		ready = got > 0
	})
	return ready || err != nil
}

// ending tells whether the process has exited or is on its way: the init of a pid namespace waits
// for the end of every other process in it, and nothing can be made there any more.
func (p *Process) ending(proc string) bool {
	return exiting(proc, p.Pid) || p.exited()
}

// pfExiting is PF_EXITING of linux/sched.h, a bit of the flags in /proc/pid/stat (proc_pid_stat(5)).
const pfExiting = 0x4

// exiting tells whether a process runs the kernel's exit. It may be another process if that of this
// number has been reaped.
func exiting(proc string, pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("%s/%d/stat", proc, pid))
	if err != nil {
		return false
	}
	// Behind the name, which may hold anything, come state, ppid, pgrp, session, tty, tpgid, flags.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const flags = 6
	if len(fields) <= flags {
		return false
	}
	n, err := strconv.ParseUint(fields[flags], 10, 32)
	return err == nil && n&pfExiting != 0
}

// AwaitReapable waits until a process that has exited can be reaped, which a tracer may
// hold up for long.
func (p *Process) AwaitReapable() {
	for !p.Reapable() {
		time.Sleep(pollInterval * time.Millisecond)
	}
}

// Reapable tells whether Reap returns at once with the status.
func (p *Process) Reapable() bool {
	if p.foreign != nil {
		return p.foreign.settled()
	}
	return pidfd.Reapable(p.PidFD)
}

// watch returns a new descriptor that is readable when the process has exited; the caller closes it.
// PidFD itself cannot be waited on, because Reap may close it at any time. The error is os.ErrClosed
// for a process that has been reaped.
func (p *Process) watch() (fd int, err error) {
	conn, err := p.PidFD.SyscallConn()
	if err != nil {
		return -1, err
	}
	var dupErr error
	if err := conn.Control(func(n uintptr) { fd, dupErr = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, os.ErrClosed
	}
	return fd, os.NewSyscallError("fcntl", dupErr)
}
