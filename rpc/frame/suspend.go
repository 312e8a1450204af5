// SPDX-License-Identifier: Apache-2.0

package frame

import "github.com/kata-containers/kata-agent/protocols"

// keep keeps the request of a Bulk call, to serve it anew.
func (c *Call) keep(request protocols.Message) {
	c.conn.mu.Lock()
	if c.flags&flagLinked != 0 {
		c.request = request
	}
	c.conn.mu.Unlock()
}

// queueChanged hears from the outbox that the peer has read something. It runs on the goroutine
// that flushes, of which there is one at a time.
func (c *Conn) queueChanged() {
	c.mu.Lock()
	c.wake()
	c.mu.Unlock()
	if c.box.size.Load() == 0 {
		c.checkDrained()
	}
}
