// SPDX-License-Identifier: Apache-2.0

package pidfd

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PIDFD_GET_INFO of linux/pidfd.h: an ioctl since Linux 6.13, the exit status since 6.15.
const (
	getInfo  = 0xc040ff0b // _IOWR(0xFF, 11, struct pidfd_info) of the first size
	infoExit = 1 << 3     // in mask: exit_code is wanted, and is there
)

// info is struct pidfd_info in its first size.
type info struct {
	mask, cgroup uint64
	ids          [11]uint32
	exitCode     int32
}

// ExitStatus asks the kernel how a process has ended that somebody else has reaped: as ExitCode. It is
// not known before that, nor on an old kernel.
func ExitStatus(fd *os.File) (status int, known bool) {
	i := info{mask: infoExit}
	err := control(fd, func(n int) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(n), getInfo, uintptr(unsafe.Pointer(&i)))
		if errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil || i.mask&infoExit == 0 {
		return 0, false
	}
	return Status(syscall.WaitStatus(i.exitCode)), true
}

// Status makes of what wait(2) gives what ExitCode does.
func Status(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// Fields of proc_pid_stat(5) behind the name.
const (
	statState    = 0
	statStart    = 19
	statExitCode = 49
)

// Zombie tells how a process has ended that nobody has reaped yet, known by its number and start time
// (field 22 of proc_pid_stat(5)). proc is the mount point of procfs.
func Zombie(proc string, pid int, start uint64) (status int, known bool) {
	stat, err := os.ReadFile(fmt.Sprintf("%s/%d/stat", proc, pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= statExitCode || fields[statState] != "Z" || fields[statStart] != strconv.FormatUint(start, 10) {
		return 0, false
	}
	wait, err := strconv.ParseInt(fields[statExitCode], 10, 32)
	return Status(syscall.WaitStatus(wait)), err == nil
}
