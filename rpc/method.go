// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/rpc/server"
)

// message is a pointer to a T that is a protocol message.
type message[T any] interface {
	*T
	protocols.Message
}

// blocking binds a method of the agent's service to a handler that runs on a goroutine of its own.
func blocking[Q, R any, QP message[Q], RP message[R]](method string, handle func(context.Context, QP) (RP, error), opts ...server.Option) server.Method {
	return server.Blocking[Q, R, QP, RP](agentService, method, handle, opts...)
}

// empty binds a method whose answer has no content.
func empty[Q any, QP message[Q]](method string, handle func(context.Context, QP) error, opts ...server.Option) server.Method {
	return blocking(method, func(ctx context.Context, q QP) (*protocols.Empty, error) {
		return &protocols.Empty{}, handle(ctx, q)
	}, opts...)
}

// async binds a method that is answered without a goroutine of its own: handle must not block.
func async[Q any, QP message[Q]](method string, handle func(*frame.Call, QP), opts ...server.Option) server.Method {
	return server.Async[Q, QP](agentService, method, handle, opts...)
}

// unsupported binds a method that this agent does not have.
func unsupported[Q any, QP message[Q]](method string) server.Method {
	return empty(method, func(context.Context, QP) error {
		return fmt.Errorf("%s %w", method, errUnsupported)
	})
}
