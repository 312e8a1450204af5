// SPDX-License-Identifier: Apache-2.0

package guesttest

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// HearAllSignals sets the signals 32 and 33 to their defaults where whoever started the test ignores them, as
// GNU make does by posix_spawn(3) of glibc. An ignored signal stays so over every execve, and the agent undoes
// that at its start (guest/boot/pid1): without this, a container's program by libcontainer, which a test starts, has it.
func HearAllSignals() {
	// struct sigaction of the kernel: libc's functions refuse these two.
	type action struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}
	for sig := uintptr(32); sig <= 33; sig++ {
		var now, fresh action
		size := unsafe.Sizeof(now.mask)
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&now)), size, 0, 0)
		if errno == 0 && now.handler == 1 { // SIG_IGN
			_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&fresh)), 0, size, 0, 0)
		}
	}
}
