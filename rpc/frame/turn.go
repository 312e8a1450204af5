// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"sync/atomic"
	"time"
)

// A handler of hot calls does not block, but the kernel can: it holds up even a nonblocking read
// of a pipe while a writer that has the pipe's lock waits for a page of a file (splice(2) and
// sendfile(2) read under that lock), and a file system that is dead lets it wait for ever. So who
// does not come back from a handler loses its turn, and another goroutine serves the calls that
// come after.

const (
	// lookEvery is the time between two looks at a connection that serves hot calls.
	lookEvery = 100 * time.Millisecond
	// stuckLooks is in how many looks in a row a handler must be seen at the same call. One
	// would do if the machine never stood still: the calls of a stream are answered in the order
	// of their handlers.
	stuckLooks = 3
)

// turn is the right to give calls to handlers; one goroutine has it at a time. Its number is odd
// while that one is in a handler.
type turn struct{ n atomic.Uint64 }

// enter begins a handler. Only who has the turn may call it.
func (t *turn) enter() uint64 { return t.n.Add(1) }

// leave ends it. When it returns false another goroutine has the turn.
func (t *turn) leave(n uint64) bool { return t.n.CompareAndSwap(n, n+1) }

// The turns of a connection.
const (
	reading  = iota // Conn.read
	resuming        // Conn.serveSuspended
	turns
)

// watch looks at a connection's turns while any of them is used, and for a moment longer.
type watch struct {
	running atomic.Bool
	timer   *time.Timer
	seen    [turns]uint64 // as of the last look
	same    [turns]int    // how many looks have seen it, in a handler
}

// enter begins a handler in a turn.
func (c *Conn) enter(i int) uint64 {
	n := c.turns[i].enter()
	if !c.watch.running.Load() {
		c.startWatch()
	}
	return n
}

func (c *Conn) startWatch() {
	if !c.watch.running.CompareAndSwap(false, true) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.watch.timer.Reset(lookEvery)
	}
}

// look takes the turn from who does not come back. It is the timer's function.
func (c *Conn) look() {
	active := false
	for i := range c.turns {
		if c.lookAt(i) {
			active = true
		}
	}
	c.mu.Lock()
	if active && !c.closed {
		c.watch.timer.Reset(lookEvery)
	}
	c.mu.Unlock()
	if active {
		return
	}
	seen := c.watch.seen // the next look may begin before this one has returned
	c.watch.running.Store(false)
	for i := range c.turns {
		if c.turns[i].n.Load() != seen[i] {
			c.startWatch() // whoever entered meanwhile took it for running
		}
	}
}

// lookAt tells whether a turn has been used since the last look.
func (c *Conn) lookAt(i int) bool {
	w, t := &c.watch, &c.turns[i]
	n := t.n.Load()
	if n != w.seen[i] {
		w.seen[i], w.same[i] = n, 1
		return true
	}
	if n%2 == 0 {
		return false
	}
	if w.same[i]++; w.same[i] >= stuckLooks && t.leave(n) {
		if i == reading {
			go c.read()
		} else {
			go c.serveSuspended()
		}
	}
	return true
}
