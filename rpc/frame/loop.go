// SPDX-License-Identifier: Apache-2.0

package frame

// The loops of a connection that give async calls to handlers. A goroutine that does not return from
// one is replaced (guest/sys/takeover): the calls that come after are served.
const (
	reading  = iota // Conn.read
	resuming        // Conn.serveSuspended
)

func (c *Conn) replace(loop int) {
	if loop == reading {
		go c.read()
	} else {
		go c.serveSuspended()
	}
}
