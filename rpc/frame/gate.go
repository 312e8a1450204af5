// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"time"

	"golang.org/x/sys/unix"
)

// full says that the peer must not send more for now. Conn.mu is held.
func (c *Conn) full() bool {
	l := &c.mux.options.Limits
	return c.box.size.Load() > int64(l.Queued) || c.requests >= l.Requests || c.parked >= l.Parked || c.draining.Load()
}

// gate waits until there is room for another call. It returns false when the connection is at its
// end, which it notices while it waits.
func (c *Conn) gate() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.full() && !c.closed {
		if c.box.raw == nil {
			c.open.Wait()
			continue
		}
		c.gated = true
		c.mu.Unlock()
		gone := c.waitForRoom()
		c.mu.Lock()
		if !c.gated {
			_ = c.nc.SetReadDeadline(time.Time{}) // set by wake; a closed connection says so later
		}
		c.gated = false
		if gone {
			return false
		}
	}
	return !c.closed
}

// wake lets the reader go on if it waits and there is room. Conn.mu is held.
func (c *Conn) wake() {
	if c.full() && !c.closed {
		return
	}
	if c.gated {
		c.gated = false
		_ = c.nc.SetReadDeadline(past) // see gate
	}
	c.open.Broadcast()
}

var past = time.Now() // not of the wall clock, which a guest without an own clock has from 1970 on

// waitForRoom sleeps on the socket without reading from it, so that a client that goes away is
// noticed: true. A read deadline in the past, set by wake, ends the sleep: false.
func (c *Conn) waitForRoom() (gone bool) {
	err := c.box.raw.Read(func(fd uintptr) bool {
		gone = hungUp(int(fd))
		return gone
	})
	return gone || err != nil && !isTimeout(err)
}

func isTimeout(err error) bool {
	t, ok := err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}

// hungUp says whether the peer has closed its end for writing.
func hungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
