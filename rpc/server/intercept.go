// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
)

// Info says which method is called.
type Info struct {
	Service, Method string
	// Request is the name of the request message.
	Request string
	// Async calls have no goroutine of their own: an interceptor of theirs must not block.
	Async bool
}

// Interceptor sees a call before its handler. An error refuses the call with the status that stands
// for the error. The context returned is the handler's; for an async call it is dropped, and ctx carries
// the client's metadata (ttrpc.GetMetadata) and nothing else. end, unless nil, is called once when
// the call has ended, also if a later interceptor has refused it: with the code and text of the
// answer, CANCELED if the client has gone. end of an async call may run on any goroutine and must not
// block.
type Interceptor func(ctx context.Context, info *Info, request protocols.Message) (_ context.Context, end func(codes.Code, string), _ error)

// chain runs interceptors in order and returns what ends them, in reverse order; nil if nothing does.
func chain(ctx context.Context, all []Interceptor, info *Info, request protocols.Message) (context.Context, func(codes.Code, string), error) {
	var ends []func(codes.Code, string)
	end := func(code codes.Code, text string) {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i](code, text)
		}
	}
	for _, intercept := range all {
		next, e, err := intercept(ctx, info, request)
		if e != nil {
			ends = append(ends, e)
		}
		if err != nil {
			return ctx, end, err
		}
		if next != nil {
			ctx = next
		}
	}
	if len(ends) == 0 {
		return ctx, nil, nil
	}
	return ctx, end, nil
}

// blocking puts interceptors in front of a handler with a goroutine of its own.
func (s *Server) blocking(r Method, all []Interceptor) func(context.Context, protocols.Message) (protocols.Message, error) {
	info := r.info()
	serve := r.frame.Blocking
	if len(all) == 0 {
		return serve
	}
	return func(ctx context.Context, request protocols.Message) (reply protocols.Message, err error) {
		inner, end, err := chain(ctx, all, info, request)
		if end != nil {
			// A panic passes through here on its way to the frame, which answers it.
			panicked := true
			defer func() {
				if panicked {
					end(codes.Internal, "panic")
					return
				}
				end(s.code(ctx, err))
			}()
			if err == nil {
				reply, err = serve(inner, request)
			}
			panicked = false
			return reply, err
		}
		if err != nil {
			return nil, err
		}
		return serve(inner, request)
	}
}

// begun gives a blocking method's handler the context that begin makes.
func begun(begin func(context.Context, *Info, protocols.Message) context.Context, r *Method) {
	serve := r.frame.Blocking
	if begin == nil || serve == nil || r.frame.Service == neverBlocked {
		return
	}
	info := r.info()
	r.frame.Blocking = func(ctx context.Context, request protocols.Message) (protocols.Message, error) {
		return serve(begin(ctx, info, request), request)
	}
}

// code is the answer err leads to.
func (s *Server) code(ctx context.Context, err error) (codes.Code, string) {
	if err == nil {
		return codes.OK, ""
	}
	if ctx.Err() == context.DeadlineExceeded {
		return codes.DeadlineExceeded, "timeout"
	}
	return s.status(err)
}

// async puts interceptors in front of a handler that has no goroutine.
func (s *Server) async(r Method, all []Interceptor) func(*frame.Call, protocols.Message) {
	info := r.info()
	serve := r.frame.Async
	if len(all) == 0 {
		return serve
	}
	return func(call *frame.Call, request protocols.Message) {
		if call.Again() {
			serve(call, request)
			return
		}
		_, end, err := chain(call.Context(), all, info, request)
		if end != nil {
			call.OnEnd(end)
		}
		if err != nil {
			call.Fail(err)
			return
		}
		serve(call, request)
	}
}

func (r *Method) info() *Info {
	return &Info{
		Service: r.frame.Service,
		Method:  r.frame.Name,
		Request: r.Request,
		Async:   r.frame.Async != nil,
	}
}
