// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"io"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// read reads and serves frames until the connection ends, which it closes then, or until another
// goroutine does so in its place.
func (c *Conn) read() {
	for c.gate() {
		c.within(false)
		b, err := c.in.Peek(headerLength)
		if err != nil {
			break
		}
		h := parseHeader(b)
		_, _ = c.in.Discard(headerLength) // just peeked
		c.within(true)
		call, request, err := c.readBody(h)
		if err != nil {
			break
		}
		if call != nil && !c.serveRead(call, request) {
			return
		}
	}
	c.Close()
	close(c.finished)
}

// readBody reads the rest of a frame and returns the async call that is to be served now, if any.
// Nothing of it is in the read buffer.
func (c *Conn) readBody(h header) (*Call, protocols.Message, error) {
	n := int(h.length)
	switch {
	case h.length > MaxLength:
		// Thrown away through the read buffer: nothing of this size is ever allocated.
		if _, err := io.CopyN(io.Discard, c.in, int64(h.length)); err != nil {
			return nil, nil, err
		}
		c.reject(h, nil, oversize(n))
		return nil, nil, nil
	case n <= c.in.Size():
		b, err := c.in.Peek(n)
		if err != nil {
			return nil, nil, err
		}
		call, request := c.take(h, b, false)
		_, err = c.in.Discard(n)
		return call, request, err
	}
	buf := getBuffer(n)
	b := buf.b[:n]
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, nil, err
	}
	owned := buf.class < 0
	call, request := c.take(h, b, owned)
	if !owned {
		buf.free()
	}
	return call, request, nil
}

// take takes in one frame and returns the async call that is to be served now, if it is one. The
// body may be kept only if owned is set.
func (c *Conn) take(h header, body []byte, owned bool) (*Call, protocols.Message) {
	if h.stream%2 != 1 {
		c.reject(h, nil, Errorf(codes.InvalidArgument, evenIDText))
		return nil, nil
	}
	if h.kind != kindRequest {
		// A response nobody has asked for, a kind to come, or data for a stream: no method here
		// is one, so its request has been answered already, and a second answer might be taken
		// for that of the next call with the id.
		return nil, nil
	}
	e, err := decodeEnvelope(body)
	if err != nil {
		c.reject(h, nil, Errorf(codes.InvalidArgument, "%v", err))
		return nil, nil
	}
	methods, ok := c.mux.methods[string(e.service)]
	if !ok {
		c.reject(h, &e, Errorf(codes.InvalidArgument, noServiceText, e.service))
		return nil, nil
	}
	r, ok := methods[string(e.method)]
	if !ok {
		c.reject(h, &e, Errorf(codes.Unimplemented, noMethodText, e.method))
		return nil, nil
	}
	call := &Call{conn: c, method: r, stream: h.stream}
	if e.metadata != nil {
		call.extra = &extra{metadata: e.metadata}
	}
	if e.timeout != 0 && e.timeout < forever {
		call.deadline = time.Since(epoch) + time.Duration(e.timeout)
	}
	c.keepable(call, h, body)
	if r.Async != nil {
		if request := c.takeAsync(call, e.payload); request != nil {
			return call, request
		}
		return nil, nil
	}
	if call.body = e.payload; !owned {
		call.body = append([]byte(nil), e.payload...)
	}
	c.link(call)
	return nil, nil
}

// forever is a limit so long, in nanoseconds, that adding it to a time might overflow.
const forever = 1 << 62

// takeAsync decodes an async call and returns its request if it is to be served now.
func (c *Conn) takeAsync(call *Call, payload []byte) protocols.Message {
	defer call.recovered()
	if !c.link(call) {
		return nil
	}
	request := call.method.request()
	if err := request.Unmarshal(payload); err != nil {
		call.Fail(Errorf(codes.Unknown, bodyText, err))
		return nil
	}
	if call.method.Bulk && c.hold(call, request) {
		return nil
	}
	return request
}

// serveRead serves an async call that has just been read and tells whether the caller still runs the
// reading loop.
func (c *Conn) serveRead(call *Call, request protocols.Message) (mine bool) {
	n := c.loops.Enter(reading)
	call.serve(request)
	return c.loops.Leave(reading, n)
}

// serve gives an async call to its handler.
func (c *Call) serve(request protocols.Message) {
	defer c.recovered()
	c.again, c.served = c.served, true
	c.method.Async(c, request)
	c.method.recycle(request)
}

// reject answers a frame that reaches no handler.
func (c *Conn) reject(h header, e *envelope, err *Error) {
	c.answering(1)
	c.send(errorFrame(h.stream, err.Code, err.Message), nil, nil)
	c.answering(-1)
	if rejected := c.mux.options.Rejected; rejected != nil {
		var service, method string
		if e != nil {
			service, method = string(e.service), string(e.method)
		}
		rejected(service, method, err.Code, err.Message)
	}
}
