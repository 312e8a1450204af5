// SPDX-License-Identifier: Apache-2.0

package pidfd

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Open returns a close-on-exec descriptor of the process. The caller must know that the
// process has not been reaped, or the number may belong to another one. A process that
// is gone is ESRCH.
func Open(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open pidfd of process %d: %w", pid, err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// Send sends a signal, by its Linux number, to the process. Signal 0 only asks whether it
// is there. The error is ESRCH when the process has been reaped and EINVAL for a number
// the kernel does not know; a zombie takes every signal.
func Send(fd *os.File, signal syscall.Signal) error {
	err := control(fd, func(n int) error { return unix.PidfdSendSignal(n, signal, nil, 0) })
	if err != nil {
		return fmt.Errorf("send signal %d: %w", int(signal), err)
	}
	return nil
}

// Wait collects the exit code of a child if it has exited; exited is false if it still
// runs. It collects once: from then on, and for a process that is not a child of this
// one, the error is ECHILD.
func Wait(fd *os.File) (code int, exited bool, err error) {
	var info childInfo
	err = control(fd, func(n int) error {
		for {
			err := waitid(n, &info)
			if !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	if err != nil {
		return 0, false, fmt.Errorf("wait by pidfd: %w", err)
	}
	if info.pid == 0 {
		return 0, false, nil
	}
	return ExitCode(info.code, info.status), true, nil
}

// Reapable tells whether Wait would collect now. A process that has exited may still belong
// to its tracer (ptrace(2)): its pidfd is readable, but the parent cannot have it yet.
func Reapable(fd *os.File) bool {
	var info childInfo
	err := control(fd, func(n int) error {
		_, _, errno := unix.Syscall6(unix.SYS_WAITID, unix.P_PIDFD, uintptr(n),
			uintptr(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
	return err != nil || info.pid != 0
}

// ExitCode makes one number of how a process ended, as shells and the Kata agent do:
// what it returned, or 128 plus the signal that killed it, real-time signals included.
// code and status are si_code and si_status of waitid(2).
func ExitCode(code, status int32) int {
	if code == cldKilled || code == cldDumped {
		return 128 + int(status)
	}
	return int(status) & 0xff
}

// Values of si_code for SIGCHLD, from the kernel's asm-generic/siginfo.h.
const (
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
)

// childInfo is the kernel's siginfo_t as waitid fills it on 64-bit machines.
type childInfo struct {
	signo, errno, code int32
	_                  int32
	pid, uid           int32
	status             int32
	_                  [100]byte
}

func waitid(fd int, info *childInfo) error {
	_, _, errno := unix.Syscall6(unix.SYS_WAITID, unix.P_PIDFD, uintptr(fd),
		uintptr(unsafe.Pointer(info)), unix.WEXITED|unix.WNOHANG, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// control calls fn with the descriptor, which cannot be closed meanwhile.
func control(f *os.File, fn func(fd int) error) error {
	defer runtime.KeepAlive(f)
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := conn.Control(func(fd uintptr) { result = fn(int(fd)) }); err != nil {
		return errors.Join(os.ErrClosed, err)
	}
	return result
}
