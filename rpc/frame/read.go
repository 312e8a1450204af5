// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"io"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// read reads and serves frames until the connection ends.
func (c *Conn) read() {
	for c.gate() {
		b, err := c.in.Peek(headerLength)
		if err != nil {
			return
		}
		h := parseHeader(b)
		_, _ = c.in.Discard(headerLength) // just peeked
		if err := c.readBody(h); err != nil {
			return
		}
	}
}

func (c *Conn) readBody(h header) error {
	n := int(h.length)
	switch {
	case h.length > MaxLength:
		// Thrown away through the read buffer: nothing of this size is ever allocated.
		if _, err := io.CopyN(io.Discard, c.in, int64(h.length)); err != nil {
			return err
		}
		c.reject(h, nil, oversize(n))
		return nil
	case n <= c.in.Size():
		b, err := c.in.Peek(n)
		if err != nil {
			return err
		}
		c.serve(h, b, false)
		_, err = c.in.Discard(n)
		return err
	}
	buf := getBuffer(n)
	b := buf.b[:n]
	if _, err := io.ReadFull(c.in, b); err != nil {
		return err
	}
	if buf.class < 0 {
		c.serve(h, b, true)
		return nil
	}
	c.serve(h, b, false)
	buf.free()
	return nil
}

// serve serves one frame. The body may be kept only if owned is set.
func (c *Conn) serve(h header, body []byte, owned bool) {
	if h.stream%2 != 1 {
		c.reject(h, nil, Errorf(codes.InvalidArgument, evenIDText))
		return
	}
	if h.kind != kindRequest {
		// A response nobody has asked for, a kind to come, or data for a stream: no method here
		// is one, so its request has been answered already, and a second answer might be taken
		// for that of the next call with the id.
		return
	}
	e, err := decodeEnvelope(body)
	if err != nil {
		c.reject(h, nil, Errorf(codes.InvalidArgument, "%v", err))
		return
	}
	methods, ok := c.mux.methods[string(e.service)]
	if !ok {
		c.reject(h, &e, Errorf(codes.InvalidArgument, noServiceText, e.service))
		return
	}
	r, ok := methods[string(e.method)]
	if !ok {
		c.reject(h, &e, Errorf(codes.Unimplemented, noMethodText, e.method))
		return
	}
	call := &Call{conn: c, route: r, stream: h.stream}
	if e.metadata != nil {
		call.extra = &extra{metadata: e.metadata}
	}
	if e.timeout != 0 && e.timeout < forever {
		call.deadline = time.Since(epoch) + time.Duration(e.timeout)
	}
	if r.Hot != nil {
		c.serveHot(call, e.payload)
		return
	}
	if call.body = e.payload; !owned {
		call.body = append([]byte(nil), e.payload...)
	}
	c.link(call)
}

// forever is a limit so long, in nanoseconds, that adding it to a time might overflow.
const forever = 1 << 62

// serveHot decodes and serves a hot call in place.
func (c *Conn) serveHot(call *Call, payload []byte) {
	defer call.recovered()
	if !c.link(call) {
		return
	}
	request := call.route.request()
	if err := request.Unmarshal(payload); err != nil {
		call.Fail(Errorf(codes.Unknown, bodyText, err))
		return
	}
	if call.route.Bulk && c.hold(call, request) {
		return
	}
	call.serve(request)
	call.route.recycle(request)
}

// serve gives a hot call to its handler.
func (c *Call) serve(request protocols.Message) {
	c.again, c.served = c.served, true
	c.route.Hot(c, request)
}

// reject answers a frame that reaches no handler.
func (c *Conn) reject(h header, e *envelope, err *Error) {
	c.send(errorFrame(h.stream, err.Code, err.Message), nil)
	if rejected := c.mux.config.Rejected; rejected != nil {
		var service, method string
		if e != nil {
			service, method = string(e.service), string(e.method)
		}
		rejected(service, method, err.Code, err.Message)
	}
}
