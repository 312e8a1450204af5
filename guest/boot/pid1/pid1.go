// SPDX-License-Identifier: Apache-2.0

package pid1

// #cgo CFLAGS: -Wall -Wextra
// #include "kept.h"
// extern int front_started, front_restarts, front_queue[2];
// extern struct kept *front_kept;
import "C" // the constructor in pid1.c does the work

import "unsafe"

// Started tells whether this process was started by the init in front of it, and is so
// the guest's first program. The Go runtime has the environment that the kernel gave to
// init, so the constructor cannot tell by a variable there.
func Started() bool { return C.front_started != 0 }

// Restarts is how many agents init has started before this one.
func Restarts() int { return int(C.front_restarts) }

// Kept is the memory and the socket pair that outlive this agent ([keeper.New]); nil without init, or
// where it has none.
func Kept() (memory []byte, queue [2]int) {
	if C.front_kept == nil {
		return nil, queue
	}
	for i, fd := range C.front_queue {
		queue[i] = int(fd)
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(C.front_kept)), int(C.KEPT_SIZE)), queue
}
