// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"slices"

	"github.com/kata-containers/kata-agent/protocols"
)

// flow is what keeps reads from piling up. A client may have thousands of reads outstanding and
// then stop taking replies; each read that is answered then moves its bytes from a pipe, where
// they hold up only their writer, into our memory. So when half of Limits.Queued waits for the peer,
// its Bulk calls are canceled, and served anew in their order when less than a quarter is left.
// All of it is guarded by Conn.mu.
type flow struct {
	pausing   bool    // calls are being canceled, on a goroutine made for it
	paused    bool    // they have been
	resuming  bool    // they are being served anew, on a goroutine made for it
	suspended []*Call // canceled or not served yet, oldest first
}

// holds says that new Bulk calls have to queue up behind suspended ones.
func (f *flow) holds() bool { return f.pausing || f.paused || len(f.suspended) > 0 }

func (c *Conn) congested() bool { return c.box.size.Load() > int64(c.mux.options.Limits.Queued/2) }
func (c *Conn) relieved() bool  { return c.box.size.Load() <= int64(c.mux.options.Limits.Queued/4) }

// send hands a frame to the socket.
func (c *Conn) send(buf *buffer, data []byte, origin Origin) {
	c.box.send(buf, data, origin)
	if !c.congested() && !c.draining.Load() {
		return
	}
	c.mu.Lock()
	c.noteDrained()
	if c.congested() && !c.closed && !c.flow.pausing && !c.flow.paused {
		c.flow.pausing = true
		go c.suspend() // canceling takes locks of the calls' sources, which the caller may hold
	}
	c.mu.Unlock()
}

// queueChanged hears from the outbox that the peer has read something.
func (c *Conn) queueChanged() {
	c.mu.Lock()
	c.wake()
	c.noteDrained()
	c.mu.Unlock()
	c.answering(0)
	c.resume()
}

// hold queues up a Bulk call if it must not be served yet. It keeps the request in any case.
func (c *Conn) hold(call *Call, request protocols.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.flags&flagLinked == 0 {
		return true // timed out or disconnected: nothing to serve
	}
	call.request = request
	if !c.flow.holds() {
		return false
	}
	c.flow.suspended = append(c.flow.suspended, call)
	return true
}

// suspend cancels the Bulk calls that wait.
func (c *Conn) suspend() {
	c.mu.Lock()
	var calls []cancellation
	for call := c.calls; call != nil; call = call.next {
		if call.method.Bulk && call.cancel != nil {
			calls = append(calls, cancellation{call, call.cancel})
			call.cancel = nil
		}
	}
	c.mu.Unlock()

	slices.Reverse(calls) // the list has the newest first
	canceled := make([]*Call, 0, len(calls))
	for _, w := range calls {
		if w.cancel() {
			canceled = append(canceled, w.call)
		}
	}

	c.mu.Lock()
	if !c.closed {
		// In front: calls that were suspended meanwhile came later.
		c.flow.suspended = append(canceled, c.flow.suspended...)
	}
	c.flow.pausing, c.flow.paused = false, true
	c.mu.Unlock()
	c.resume() // the peer may have read everything meanwhile
}

// resume has suspended calls served if the peer has read enough. While it has not, the outbox still has
// something to write, and resume is called again when that is written.
func (c *Conn) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.flow
	if f.resuming || f.pausing || !f.paused || !c.relieved() {
		return // the goroutine that resumes or pauses checks again
	}
	f.resuming = true
	go c.serveSuspended() // not here, where replies are written
}

// serveSuspended serves suspended calls until none is left, the peer falls behind again, or
// another goroutine goes on in its place.
func (c *Conn) serveSuspended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.flow
	for !f.pausing {
		if f.paused && !c.relieved() {
			break
		}
		f.paused = false
		if len(f.suspended) == 0 {
			break
		}
		if c.congested() {
			f.paused = true
			continue
		}
		if !c.serveNext() {
			return
		}
	}
	f.resuming = false
}

// serveNext serves the oldest suspended call and tells whether the caller still runs the loop.
// Conn.mu is held, but not meanwhile.
func (c *Conn) serveNext() (mine bool) {
	f := &c.flow
	call := f.suspended[0]
	f.suspended[0] = nil
	if f.suspended = f.suspended[1:]; len(f.suspended) == 0 {
		f.suspended = nil
	}
	if call.flags&flagLinked == 0 {
		return true
	}
	request := call.request
	c.mu.Unlock()
	defer c.mu.Lock()
	n := c.loops.Enter(resuming)
	call.serve(request)
	return c.loops.Leave(resuming, n)
}
