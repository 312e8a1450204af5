// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// Call is a request that waits for its answer. Reply, ReplyBytes and Fail answer it; the first of
// them counts and the others do nothing, as they do once its deadline has passed or its client is
// gone. None of them blocks, and all may be called from any goroutine.
type Call struct {
	conn   *Conn
	method *Method

	// next and prev link the calls of a connection that have no answer yet.
	next, prev *Call
	// request is kept for Bulk calls only, body until a blocking call is run.
	request protocols.Message
	body    []byte
	extra   *extra

	cancel   func() bool
	deadline time.Duration // since epoch; 0: none
	began    time.Duration // since epoch
	stream   uint32
	heapAt   int32 // place in Conn.deadlines; -1: none
	size     int32 // what a blocking call counts for in Conn.requests, an async one in Conn.held
	state    atomic.Uint32
	served   bool  // Method.Async has been called
	again    bool  // and then a second time
	flags    uint8 // guarded by Conn.mu
}

// extra is what few calls have.
type extra struct {
	metadata ttrpc.MD
	ended    func(codes.Code, string)
	frame    []byte // for the Keeper
	kept     int    // its number
}

// States of a call. Only the change from waiting to answered may lead to a reply.
const (
	waiting = iota
	answered
)

const (
	flagParked  = 1 << iota // async and waiting
	flagLinked              // in the list of the connection
	flagRunning             // blocking, and its handler has been started
)

// epoch is what deadlines count from: a duration takes a third of the space of a time.Time.
var epoch = time.Now()

// Service returns the full name of the service that was called.
func (c *Call) Service() string { return c.method.Service }

// Method returns the name of the method that was called.
func (c *Call) Method() string { return c.method.Name }

// Metadata returns what the client sent along, such as traceparent; often nothing.
func (c *Call) Metadata() ttrpc.MD {
	if c.extra == nil {
		return nil
	}
	return c.extra.metadata
}

// Context returns a context that carries the client's metadata as that of a blocking call does. It has
// no deadline and does not end with the call.
func (c *Call) Context() context.Context {
	if md := c.Metadata(); md != nil {
		return ttrpc.WithMetadata(c.conn.ctx, md)
	}
	return c.conn.ctx
}

// Again says, within Method.Async, that it has been called for this call before (Method.Bulk).
func (c *Call) Again() bool { return c.again }

// Deadline returns when the call will be answered with DEADLINE_EXCEEDED, if ever.
func (c *Call) Deadline() (time.Time, bool) {
	return epoch.Add(c.deadline), c.deadline != 0
}

// OnEnd sets the function that is called once when the call has ended, with the code and text of
// the answer: CANCELED if the client has gone. It must not block. It is set before the call can
// end, that is in Method.Async before the call is given away.
func (c *Call) OnEnd(ended func(codes.Code, string)) {
	if c.extra == nil {
		c.extra = &extra{}
	}
	c.extra.ended = ended
}

// OnCancel sets the function that cancels the call at its source, when its deadline passes, its
// client goes away, or (Bulk) its client does not read. It returns true if it has canceled the
// call, so that nothing has been consumed and no answer will come; false if the answer is on its
// way. It is called at most once for each time it is set, without locks, and must not block. If
// the call has ended in the meantime, it is called before OnCancel returns.
func (c *Call) OnCancel(cancel func() bool) {
	k := c.conn
	k.mu.Lock()
	if c.flags&flagLinked != 0 && c.state.Load() == waiting {
		c.cancel = cancel
		cancel = nil
	}
	k.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// Reply answers the call with a message. Nil is an empty message.
func (c *Call) Reply(m protocols.Message) { c.ReplyOf(m, nil) }

// ReplyOf is Reply with a message whose content goes back to its origin if it cannot be sent.
func (c *Call) ReplyOf(m protocols.Message, origin Origin) {
	buf, err := messageFrame(c.stream, m) // first: it may panic on a broken message
	if !c.end() {
		buf.free()
		if origin != nil {
			origin.Refused(nil)
		}
		return
	}
	c.answer(buf, nil, err, origin)
}

// ReplyBytes answers the call with a message whose only field is number 1, of type bytes, such as
// ReadStreamResponse. data is not used after ReplyBytes has returned, and copied only if the
// peer cannot take it at once.
func (c *Call) ReplyBytes(data []byte) { c.ReplyBytesOf(data, nil) }

// ReplyBytesOf is ReplyBytes with data that go back to their origin if they cannot be sent.
func (c *Call) ReplyBytesOf(data []byte, origin Origin) {
	if !c.end() {
		if origin != nil {
			origin.Refused(data)
		}
		return
	}
	buf, err := bytesFrame(c.stream, data)
	c.answer(buf, data, err, origin)
}

// Fail answers the call with an error.
func (c *Call) Fail(err error) {
	if !c.end() {
		return
	}
	c.answer(nil, nil, err, nil)
}

// answer sends a frame or, if there is an error, that instead.
func (c *Call) answer(buf *buffer, data []byte, err error, origin Origin) {
	code, text := codes.OK, ""
	if err != nil {
		data, origin = nil, nil
		code, text = c.conn.mux.options.Status(err)
		var e *Error
		if errors.As(err, &e) {
			code, text = e.Code, e.Message
		} else if c.overdue() {
			code, text = codes.DeadlineExceeded, timeoutText
		}
		if code == codes.OK {
			code = codes.Internal // an error is never a success
		}
		buf = errorFrame(c.stream, code, text)
	}
	c.conn.send(buf, data, origin)
	c.conn.answering(-1)
	c.ended(code, text)
}

func (c *Call) ended(code codes.Code, text string) {
	if c.extra != nil && c.extra.ended != nil {
		c.extra.ended(code, text)
	}
}

func (c *Call) overdue() bool { return c.deadline != 0 && time.Since(epoch) >= c.deadline }

// end claims the right to answer and takes the call out of the connection's tables.
func (c *Call) end() bool {
	if !c.state.CompareAndSwap(waiting, answered) {
		return false
	}
	c.conn.answering(1)
	c.conn.unlink(c)
	return true
}
