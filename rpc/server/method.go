// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"reflect"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
)

// Method is a method of a service and its handler, made by Blocking, Inline or Async.
type Method struct {
	// Request is the name of the request message, such as "ReadStreamRequest".
	Request string

	frame  frame.Method
	denied func(*frame.Call, protocols.Message) // see Denied
	quiet  bool                                 // log lines at debug level
}

// Option changes a Method.
type Option func(*Method)

// Quiet has the calls of a method logged at debug level, for methods that are called every second or
// more often. Async and inline methods are quiet anyway.
func Quiet(r *Method) { r.quiet = true }

// Bulk marks an async method as one whose calls may be canceled and served anew while the client does
// not read its replies; see frame.Method.
func Bulk(r *Method) { r.frame.Bulk = true }

// Again marks an async method whose calls have no effect while they wait; see frame.Method.
func Again(r *Method) { r.frame.Again = true }

// Recycled lets an async method use its request messages again, for one with large ones: clear empties
// a message that has been served, and may leave it a buffer. The handler must not keep the
// request, nor its byte slices, when it returns.
func Recycled[Q any, PQ message[Q]](clear func(PQ)) Option {
	return func(r *Method) {
		r.frame.Recycle = func(m protocols.Message) { clear(m.(PQ)) }
	}
}

// Urgent marks a method whose calls may be what ends the calls that hang; see frame.Method.
func Urgent(r *Method) { r.frame.Urgent = true }

// message is a pointer to a T that is a message.
type message[T any] interface {
	*T
	protocols.Message
}

// Blocking makes a method served by fn on a goroutine of its own. fn's context ends at the call's
// deadline and when the client goes away. A nil reply with a nil error is an empty message.
func Blocking[Q, R any, PQ message[Q], PR message[R]](service, method string, fn func(context.Context, PQ) (PR, error), opts ...Option) Method {
	r := newMethod[Q, PQ](service, method, opts)
	r.frame.Blocking = func(ctx context.Context, m protocols.Message) (protocols.Message, error) {
		reply, err := fn(ctx, m.(PQ))
		if err != nil {
			return nil, err
		}
		return reply, nil
	}
	return r
}

// Inline makes a method answered on the goroutine that reads the connection, before any limit and
// without a goroutine. fn must not block: it is for Check and Version.
func Inline[Q, R any, PQ message[Q], PR message[R]](service, method string, fn func(PQ) (PR, error), opts ...Option) Method {
	return Async(service, method, func(call *frame.Call, request PQ) {
		reply, err := fn(request)
		if err != nil {
			call.Fail(err)
			return
		}
		call.Reply(reply)
	}, opts...)
}

// Async makes a method that is served on the goroutine that reads the connection and answered by
// call.Reply, call.ReplyBytes or call.Fail, now or later, from any goroutine. fn must not block.
// It may keep the request unless the method is Recycled.
func Async[Q any, PQ message[Q]](service, method string, fn func(call *frame.Call, request PQ), opts ...Option) Method {
	r := newMethod[Q, PQ](service, method, opts)
	r.quiet = true
	r.frame.Async = func(call *frame.Call, m protocols.Message) { fn(call, m.(PQ)) }
	return r
}

func newMethod[Q any, PQ message[Q]](service, method string, opts []Option) Method {
	r := Method{
		Request: reflect.TypeFor[Q]().Name(),
		frame: frame.Method{
			Service: service,
			Name:    method,
			New:     func() protocols.Message { return PQ(new(Q)) },
		},
	}
	for _, opt := range opts {
		opt(&r)
	}
	return r
}
