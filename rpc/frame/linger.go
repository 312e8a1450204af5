// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// unreadLook is the time between two looks at what the peer has not read yet.
const unreadLook = 5 * time.Millisecond

// Linger waits, after Drain, until the peer has read its answers and has then had the time settle to
// hand them on, or has closed the connection, or ctx ends. Many clients hand an answer and the end of the
// connection to tasks that race, and lose an answer that is followed by the end at once.
func (c *Conn) Linger(ctx context.Context, settle time.Duration) {
	look := time.NewTicker(unreadLook)
	defer look.Stop()
	for c.unread() > 0 {
		select {
		case <-look.C:
		case <-c.finished:
			return
		case <-ctx.Done():
			return
		}
	}
	over := time.NewTimer(settle)
	defer over.Stop()
	select {
	case <-over.C:
	case <-c.finished:
	case <-ctx.Done():
	}
}

// unread is how many bytes the kernel holds that the peer has not read. Of a socket whose kernel
// does not tell (vsock before Linux 6.12) it is 0.
func (c *Conn) unread() (n int) {
	if c.box.raw == nil {
		return 0
	}
	_ = c.box.raw.Control(func(fd uintptr) { // a closed socket holds nothing
		n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	})
	return n
}
