// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/guest/sys/takeover"
)

// Conn is one connection being served.
type Conn struct {
	mux    *Mux
	number uint64
	nc     net.Conn
	in     *bufio.Reader
	box    outbox
	ctx    context.Context // parent of the contexts of blocking calls
	cancel context.CancelFunc
	// finished is closed when nothing reads any more.
	finished chan struct{}
	loops    takeover.Loops

	draining atomic.Bool // set under mu

	mu      sync.Mutex
	calls   *Call // those without an answer, newest first
	parked  int   // async calls among them
	held    int   // bytes that async calls have kept of their requests (Call.Hold)
	closed  bool
	drained chan struct{} // closed when draining has nothing left to wait for
	gated   bool          // the reader waits for room

	backlog  fifo      // blocking calls that wait because Limits.Running others run
	requests int       // bytes of blocking calls waiting or running
	running  int       // blocking calls whose handlers have not returned
	open     sync.Cond // the gate, for connections without a raw descriptor

	deadlines deadlines
	timer     *time.Timer
	armed     time.Duration // when timer fires; 0: not set

	flow flow
	keep *keep // nil: the connection ends with this process
}

// readBuffer is the size of a connection's read buffer in bytes: frames that fit are used in place.
const readBuffer = 16 << 10

func newConn(m *Mux, nc net.Conn) *Conn {
	c := &Conn{mux: m, number: numbers.Add(1), nc: nc, drained: make(chan struct{}), finished: make(chan struct{})}
	c.open.L = &c.mu
	c.loops.Init(c.replace)
	c.box.init(nc)
	if m.options.Keep != nil && c.box.raw != nil {
		if keeper := m.options.Keep(nc); keeper != nil {
			c.keep = &keep{Keeper: keeper}
		}
	}
	c.in = bufio.NewReaderSize(c.source(), readBuffer)
	c.box.changed = c.queueChanged
	c.box.failed = func(error) { go c.Close() } // it cancels calls: not on a goroutine that replies
	return c
}

// link enters a call into the tables. It fails when the connection is closed.
func (c *Conn) link(call *Call) bool {
	call.began = time.Since(epoch)
	linked, refused := c.enter(call)
	if refused != nil {
		call.Fail(refused)
	}
	return linked
}

// enter is link, but for a call that is to be refused.
func (c *Conn) enter(call *Call) (linked bool, refused error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.draining.Load() {
		return false, nil
	}
	call.next = c.calls
	if c.calls != nil {
		c.calls.prev = call
	}
	c.calls = call
	call.flags |= flagLinked
	c.enterKept(call)
	call.heapAt = -1
	if call.deadline != 0 {
		c.schedule(call)
	}
	if call.method.Async != nil {
		call.flags |= flagParked
		c.parked++
		return true, nil
	}
	return true, c.dispatch(call)
}

// unlink takes a call that has been answered out of the tables.
func (c *Conn) unlink(call *Call) {
	c.mu.Lock()
	c.remove(call)
	c.wake()
	c.mu.Unlock()
}

func (c *Conn) remove(call *Call) {
	if call.flags&flagLinked == 0 {
		return
	}
	call.flags &^= flagLinked
	if call.prev != nil {
		call.prev.next = call.next
	} else {
		c.calls = call.next
	}
	if call.next != nil {
		call.next.prev = call.prev
	}
	call.next, call.prev = nil, nil
	call.cancel, call.request = nil, nil
	c.deadlines.remove(call)
	c.leaveKept(call)
	if call.flags&flagParked != 0 {
		c.parked--
		c.letGo(call)
	}
}

// Close ends the connection: its socket is closed, waiting calls are canceled, and the contexts
// of running handlers end. Close may be called from anywhere, more than once, and does not wait.
func (c *Conn) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	gone := c.detach()
	c.noteDrained()
	c.loops.Close()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.open.Broadcast()
	c.mu.Unlock()

	c.cancel()
	if c.keep != nil {
		c.keep.Close()
	}
	for _, g := range gone {
		if !g.call.state.CompareAndSwap(waiting, answered) {
			continue
		}
		if g.cancel != nil {
			g.cancel()
		}
		g.call.ended(codes.Canceled, "client has gone")
	}
	c.box.close()
	// The writer wakes up; the socket is open until what it has not written is back where others find it.
	if err := c.nc.SetWriteDeadline(time.Unix(1, 0)); err == nil { // wall: any time that has passed
		defer c.nc.Close() // the peer may have closed it first; nothing to do about an error
	} else {
		_ = c.nc.Close()
	}
	c.box.giveBack()
}

// cancellation is what is left to do for a call whose client is gone.
type cancellation struct {
	call   *Call
	cancel func() bool
}

// detach empties the tables. Conn.mu is held.
func (c *Conn) detach() []cancellation {
	var gone []cancellation
	for c.calls != nil {
		call := c.calls
		gone = append(gone, cancellation{call, call.cancel})
		c.remove(call)
	}
	c.deadlines, c.flow.suspended, c.backlog = nil, nil, fifo{}
	return gone
}

// Drain stops reading and waits until the blocking calls that have been read are answered and every
// reply is with the kernel, or ctx ends. Async calls that wait are left to Close. Calls of methods that
// wait for events by nature should be async, or Drain waits for them.
func (c *Conn) Drain(ctx context.Context) error {
	c.mu.Lock()
	c.draining.Store(true)
	c.noteDrained()
	c.mu.Unlock()
	select {
	case <-c.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noteDrained tells Drain when nothing is left. It is called whenever a blocking call has come back or
// a frame has been sent. Conn.mu is held.
func (c *Conn) noteDrained() {
	if !c.closed && (!c.draining.Load() || c.running > 0 || c.backlog.len() > 0 || !c.box.idle()) {
		return
	}
	select {
	case <-c.drained:
	default:
		close(c.drained)
	}
}
