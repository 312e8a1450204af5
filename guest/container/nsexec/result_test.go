// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMessageBeforeTheEnd sends a message and closes while the other end is looking. A
// reply that is missed makes one request two processes: the first has no owner, and the
// container can never end.
func TestMessageBeforeTheEnd(t *testing.T) {
	ends := make(chan int)
	defer close(ends)
	go func() {
		runtime.LockOSThread()
		for fd := range ends {
			_, _ = unix.Write(fd, []byte{1})
			unix.Close(fd)
		}
	}()
	rounds, lost := 0, 0
	for begin := time.Now(); time.Since(begin) < 3*time.Second; rounds++ { // clock: a slow machine tries less often
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		ends <- pair[1]
		var data [replySize]byte
		n := 0
		for {
			if n, _, err = receive(pair[0], data[:], nil); !errors.Is(err, unix.EAGAIN) {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			lost++
		}
		unix.Close(pair[0])
	}
	if lost > 0 {
		t.Errorf("%d of %d messages came after the end", lost, rounds)
	}
}
