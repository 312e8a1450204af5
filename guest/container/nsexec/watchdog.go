// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// patience is how long a request is unanswered before somebody looks at the helper,
	// which answers in a fraction of a millisecond.
	patience = 2 * time.Second
	// lastPatience is how long one that is not stopped may take: on a machine that is short
	// of CPU or memory it is slow, and a new one would be as slow.
	lastPatience = 30 * time.Second
)

// replaceIfStuck kills a helper that has not answered for so long, if it is stopped or long
// beyond all patience. What was asked of it goes to the next one.
func (w *worker) replaceIfStuck(silent time.Duration) {
	if silent >= lastPatience || silent >= patience && w.stopped() {
		w.exit.kill()
	}
}

// stopped tells whether a signal has stopped the helper.
func (w *worker) stopped() bool {
	var info [128]byte // siginfo_t; its first word, the signal, is 0 if there is nothing to tell
	stopped := false
	_ = w.exit.conn.Control(func(fd uintptr) {
		_, _, errno := unix.Syscall6(unix.SYS_WAITID, unix.P_PIDFD, fd, uintptr(unsafe.Pointer(&info)),
			unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
		stopped = errno == 0 && order.Uint32(info[:]) != 0
	})
	return stopped
}
