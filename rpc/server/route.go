// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"reflect"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
)

// Route is a method and what serves it, made by Unary, Inline or Hot.
type Route struct {
	// Request is the name of the request message, such as "ReadStreamRequest".
	Request string

	frame  frame.Route
	denied func(*frame.Call, protocols.Message) // see Denied
	quiet  bool                                 // log lines at debug level
}

// Option changes a Route.
type Option func(*Route)

// Quiet logs the calls of a route at debug level: those that come by the second. Hot and inline
// routes are quiet anyway.
func Quiet(r *Route) { r.quiet = true }

// Bulk marks a hot route as one whose calls may be withdrawn and served anew while the client does
// not read its replies; see frame.Route.
func Bulk(r *Route) { r.frame.Bulk = true }

// Recycled lets a hot route use its request messages again, for one with large ones: clear empties
// a message that has been served, and may leave it a buffer. The handler must not keep the
// request, nor its byte slices, when it returns.
func Recycled[Q any, PQ message[Q]](clear func(PQ)) Option {
	return func(r *Route) {
		r.frame.Recycle = func(m protocols.Message) { clear(m.(PQ)) }
	}
}

// Urgent marks a route whose calls may be what ends the calls that hang; see frame.Route.
func Urgent(r *Route) { r.frame.Urgent = true }

// message is a pointer to a T that is a message.
type message[T any] interface {
	*T
	protocols.Message
}

// Unary makes a route served by fn on a goroutine of its own. fn's context ends at the call's
// deadline and when the client goes away. A nil reply with a nil error is an empty message.
func Unary[Q, R any, PQ message[Q], PR message[R]](service, method string, fn func(context.Context, PQ) (PR, error), opts ...Option) Route {
	r := route[Q, PQ](service, method, opts)
	r.frame.Cold = func(ctx context.Context, m protocols.Message) (protocols.Message, error) {
		reply, err := fn(ctx, m.(PQ))
		if err != nil {
			return nil, err
		}
		return reply, nil
	}
	return r
}

// Inline makes a route answered on the goroutine that reads the connection, before any limit and
// without a goroutine. fn must not block: it is for Check and Version.
func Inline[Q, R any, PQ message[Q], PR message[R]](service, method string, fn func(PQ) (PR, error), opts ...Option) Route {
	return Hot(service, method, func(call *frame.Call, request PQ) {
		reply, err := fn(request)
		if err != nil {
			call.Fail(err)
			return
		}
		call.Reply(reply)
	}, opts...)
}

// Hot makes a route that is served on the goroutine that reads the connection and answered by
// call.Reply, call.ReplyBytes or call.Fail, now or later, from any goroutine. fn must not block.
// It may keep the request unless the route is Recycled.
func Hot[Q any, PQ message[Q]](service, method string, fn func(call *frame.Call, request PQ), opts ...Option) Route {
	r := route[Q, PQ](service, method, opts)
	r.quiet = true
	r.frame.Hot = func(call *frame.Call, m protocols.Message) { fn(call, m.(PQ)) }
	return r
}

func route[Q any, PQ message[Q]](service, method string, opts []Option) Route {
	r := Route{
		Request: reflect.TypeFor[Q]().Name(),
		frame: frame.Route{
			Service: service,
			Method:  method,
			New:     func() protocols.Message { return PQ(new(Q)) },
		},
	}
	for _, opt := range opts {
		opt(&r)
	}
	return r
}
