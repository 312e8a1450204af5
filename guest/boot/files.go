// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openFiles is how many descriptors the agent may have: some five for each of many
// thousand sessions.
const openFiles = 1 << 20

// OpenFiles raises the agent's own limit of descriptors as far as the kernel lets it.
// The kernel gives an init 1024 and 4096. The call is made raw on purpose: Go then still
// gives its children, and so the containers, the limit that the agent was started with.
func OpenFiles() error {
	limit := unix.Rlimit{Cur: openFiles, Max: openFiles}
	_, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE,
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("raise the limit of open files to %d: %w", openFiles, errno)
	}
	return nil
}
