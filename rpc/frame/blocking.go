// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc/codes"
)

// dispatch starts a blocking call, or queues it while as many run as may. It refuses one when too many
// wait already, unless it is urgent: those that run may never end, and the connection must be read all
// the same. Conn.mu is held.
func (c *Conn) dispatch(call *Call) error {
	limits := &c.mux.options.Limits
	running := limits.Running
	if call.method.Urgent {
		running *= 2
	}
	waits := c.running >= running
	if waits && !call.method.Urgent && c.backlog.len() >= limits.Waiting {
		return fmt.Errorf("the room of this connection for calls is %w: %d run and %d wait", ErrFull, c.running, c.backlog.len())
	}
	call.size = int32(len(call.body) + callOverhead)
	c.requests += int(call.size)
	if waits {
		c.backlog.push(call)
		return nil
	}
	c.running++
	call.flags |= flagRunning
	go c.runBlocking(call)
	return nil
}

// runBlocking runs a blocking call, and after it those that wait in the backlog.
func (c *Conn) runBlocking(call *Call) {
	for call != nil {
		call.run()
		call = c.nextBlocking(call)
	}
}

// nextBlocking notes that a blocking call's handler has returned. It gives the caller the oldest call that
// waits and still wants an answer; nil if there is none.
func (c *Conn) nextBlocking(done *Call) *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release(done)
	for c.running <= c.mux.options.Limits.Running && c.backlog.len() > 0 {
		call := c.backlog.pop()
		if call.state.Load() == waiting {
			call.flags |= flagRunning
			return call
		}
		c.release(call)
	}
	c.running--
	c.noteDrained()
	return nil
}

// release gives back the room of a blocking call that has come to its end. Conn.mu is held.
func (c *Conn) release(call *Call) {
	c.requests -= int(call.size)
	c.wake()
}

// run serves a blocking call on a goroutine of its own.
func (c *Call) run() {
	defer c.recovered()
	if c.state.Load() != waiting {
		return // its deadline passed while it waited in the backlog
	}
	body := c.body
	c.body = nil
	request := c.method.New()
	if err := request.Unmarshal(body); err != nil {
		c.Fail(Errorf(codes.Unknown, bodyText, err))
		return
	}
	ctx, cancel := c.blockingContext()
	defer cancel()
	reply, err := c.method.Blocking(ctx, request)
	if err != nil {
		c.Fail(err)
		return
	}
	c.Reply(reply)
}

// blockingContext makes the context of a blocking call's handler, which ends when cancel is called at the latest.
func (c *Call) blockingContext() (ctx context.Context, cancel context.CancelFunc) {
	at, ok := c.Deadline()
	if !ok {
		return context.WithCancel(c.Context())
	}
	ctx, cancel = context.WithDeadline(c.Context(), at)
	return callContext{ctx, c}, cancel
}

// callContext has ended as soon as its call is answered with DEADLINE_EXCEEDED, even when the
// timer of the context itself has not fired yet: a handler that asks before it makes its work
// known never keeps what the client believes to have failed.
type callContext struct {
	context.Context
	call *Call
}

func (c callContext) Err() error {
	if err := c.Context.Err(); err != nil {
		return err
	}
	if c.call.overdue() {
		return context.DeadlineExceeded
	}
	return nil
}

// Run serves an async call later, on a goroutine of the caller's, unless it has ended by then: a read
// would take bytes that nobody gets. A panic becomes the answer.
func (c *Call) Run(serve func()) {
	defer c.recovered()
	if c.state.Load() == waiting {
		serve()
	}
}

// recovered turns a panic of a handler into an answer. It is deferred around handlers.
func (c *Call) recovered() {
	value := recover()
	if value == nil {
		return
	}
	c.Fail(Errorf(codes.Internal, panicText, c.method.Name))
	if panicked := c.conn.mux.options.Panicked; panicked != nil {
		panicked(c.method, value, debug.Stack())
	}
}
