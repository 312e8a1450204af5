// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"errors"
	"fmt"
)

// ErrFull says that a call has asked for more memory than Limits.Held or Options.HeldByAll leaves, or
// has come when Limits.Waiting others wait.
var ErrFull = errors.New("full")

// Hold notes that n bytes of the call's request are kept until it ends, such as those of a write
// whose pipe is full. It fails with ErrFull when that is more than the connection, or all of them
// together, may keep; nothing is noted then, and the caller must not keep them. When bounded is
// false they are noted and count for others, but it does not fail. It does not block.
func (c *Call) Hold(n int, bounded bool) error {
	k := c.conn
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.flags&flagLinked == 0 {
		return nil // it has ended: what it keeps is about to be dropped
	}
	limits := &k.mux.options.Limits
	if bounded && k.held+n > limits.Held {
		return fullError("this connection", k.held, limits.Held, n)
	}
	if all := k.mux.held.Add(int64(n)); bounded && all > int64(k.mux.options.HeldByAll) {
		k.mux.held.Add(-int64(n))
		return fullError("the agent", int(all)-n, k.mux.options.HeldByAll, n)
	}
	k.held += n
	c.size += int32(n)
	return nil
}

func fullError(whose string, held, limit, wanted int) error {
	return fmt.Errorf("the room of %s for input that no process has read is %w: %d of %d bytes are taken, %d more wanted",
		whose, ErrFull, held, limit, wanted)
}

// letGo gives back what an async call has held. Conn.mu is held.
func (c *Conn) letGo(call *Call) {
	n := int(call.size)
	if n == 0 {
		return
	}
	call.size = 0
	c.held -= n
	c.mux.held.Add(-int64(n))
	c.mux.freed(n)
}

// connMemory is about what a connection takes by itself, in bytes: its read buffer, tables and stacks.
const connMemory = readBuffer + 4<<10

func (m *Mux) freed(n int) {
	if m.options.Freed != nil {
		m.options.Freed(n)
	}
}
