// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"runtime/debug"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
)

// run serves a cold call on the goroutine the ttRPC server has started for it.
func (c *Call) run(ctx context.Context) {
	defer c.recovered()
	if c.state.Load() != waiting {
		return // its time was over before it had a turn
	}
	body := c.body
	c.body = nil
	request := c.route.New()
	if err := request.Unmarshal(body); err != nil {
		c.Fail(Errorf(codes.Unknown, bodyText, err))
		return
	}
	if md := c.Metadata(); md != nil {
		ctx = ttrpc.WithMetadata(ctx, md)
	}
	if at, ok := c.Deadline(); ok {
		limited, cancel := context.WithDeadline(ctx, at)
		defer cancel()
		ctx = callContext{limited, c}
	}
	reply, err := c.route.Cold(ctx, request)
	if err != nil {
		c.Fail(err)
		return
	}
	c.Reply(reply)
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

// recovered turns a panic of a handler into an answer. It is deferred around handlers.
func (c *Call) recovered() {
	value := recover()
	if value == nil {
		return
	}
	c.Fail(Errorf(codes.Internal, panicText, c.route.Method))
	if panicked := c.conn.mux.config.Panicked; panicked != nil {
		panicked(c.route, value, debug.Stack())
	}
}
