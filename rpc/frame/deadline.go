// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"container/heap"
	"time"

	"google.golang.org/grpc/codes"
)

// deadlines is the heap of a connection's calls that have one, the earliest first. One timer
// serves them all; it is not stopped when its call is answered but finds nothing to do.
type deadlines []*Call

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline < d[j].deadline }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].heapAt, d[j].heapAt = int32(i), int32(j)
}

// Push and Pop are for package heap.
func (d *deadlines) Push(x any) {
	call := x.(*Call)
	call.heapAt = int32(len(*d))
	*d = append(*d, call)
}

// Pop is for package heap.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	call := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	call.heapAt = -1
	return call
}

func (d *deadlines) remove(call *Call) {
	if call.heapAt >= 0 {
		heap.Remove(d, int(call.heapAt))
	}
}

// schedule enters a call under its deadline. Conn.mu is held.
func (c *Conn) schedule(call *Call) {
	heap.Push(&c.deadlines, call)
	c.arm()
}

// arm sets the timer for the earliest deadline. Conn.mu is held.
func (c *Conn) arm() {
	if len(c.deadlines) == 0 || c.closed {
		return
	}
	at := c.deadlines[0].deadline
	if c.armed != 0 && c.armed <= at {
		return
	}
	c.armed = at
	wait := max(at-time.Since(epoch), 0)
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.expire)
		return
	}
	c.timer.Reset(wait)
}

// expire answers the calls whose time is over.
func (c *Conn) expire() {
	for {
		c.mu.Lock()
		c.armed = 0
		if len(c.deadlines) == 0 || c.closed || c.deadlines[0].deadline > time.Since(epoch) {
			c.arm()
			c.mu.Unlock()
			return
		}
		call := heap.Pop(&c.deadlines).(*Call)
		cancel := call.cancel
		call.cancel = nil
		running := call.flags&flagRunning != 0
		c.mu.Unlock()
		c.timeout(call, cancel, running)
	}
}

// grace is how long past its deadline the answer of a call is waited for that may be on its way: of
// one that could not be canceled, and may carry bytes that would be lost; of a handler that runs, whose
// context has ended, and which may have done its work at the last moment. A handler that heeds its
// context returns at once, and so its call is answered at once.
const grace = 50 * time.Millisecond

func (c *Conn) timeout(call *Call, cancel func() bool, running bool) {
	over := func() { call.Fail(Errorf(codes.DeadlineExceeded, timeoutText)) }
	if running || cancel != nil && !cancel() {
		time.AfterFunc(grace, over)
		return
	}
	over()
}
