// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"sync/atomic"
	"time"
)

// A handler of async calls does not block, but the kernel can: it holds up even a nonblocking read
// of a pipe while a writer that has the pipe's lock waits for a page of a file (splice(2) and
// sendfile(2) read under that lock), and on a dead file system that page never comes. So a goroutine
// that does not return from a handler is replaced: another one takes over its loop and serves the
// calls that come after.

const (
	// lookEvery is the time between two looks at a connection that serves async calls.
	lookEvery = 100 * time.Millisecond
	// stuckLooks is how many looks in a row must find a handler at the same call before its loop
	// is taken over. One would do if the machine never stood still; after a pause of the whole
	// guest it would take the loop from a goroutine that is not stuck, and two goroutines would
	// then serve the calls of one stream out of their order.
	stuckLooks = 3
)

// loop gives calls to handlers, one after the other. One goroutine runs it at a time. The number is
// odd while that goroutine is in a handler.
type loop struct{ n atomic.Uint64 }

// enter begins a handler. Only the goroutine that runs the loop may call it.
func (l *loop) enter() uint64 { return l.n.Add(1) }

// leave ends a handler. It returns false when another goroutine has taken over the loop.
func (l *loop) leave(n uint64) bool { return l.n.CompareAndSwap(n, n+1) }

// The loops of a connection.
const (
	reading  = iota // Conn.read
	resuming        // Conn.serveSuspended
	loops
)

// watch looks at a connection's loops while any of them is used, and for a moment longer.
type watch struct {
	running atomic.Bool
	timer   *time.Timer
	seen    [loops]uint64 // the number of each loop at the last look
	same    [loops]int    // how many looks in a row have found that number, in a handler
}

// enter begins a handler in loop i.
func (c *Conn) enter(i int) uint64 {
	n := c.loops[i].enter()
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

// look takes over the loops whose handlers do not return. It is the timer's function.
func (c *Conn) look() {
	active := false
	for i := range c.loops {
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
	for i := range c.loops {
		if c.loops[i].n.Load() != seen[i] {
			c.startWatch() // a handler that began meanwhile has not started the watch: it was still running
		}
	}
}

// lookAt tells whether loop i has been used since the last look, and takes it over if it is stuck.
func (c *Conn) lookAt(i int) bool {
	w, l := &c.watch, &c.loops[i]
	n := l.n.Load()
	if n != w.seen[i] {
		w.seen[i], w.same[i] = n, 1
		return true
	}
	if n%2 == 0 {
		return false
	}
	if w.same[i]++; w.same[i] >= stuckLooks && l.leave(n) {
		if i == reading {
			go c.read()
		} else {
			go c.serveSuspended()
		}
	}
	return true
}
