// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/address"
	"github.com/kata-containers/kata-agent/protocols"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Options of a connection.
type Options struct {
	// Timeout is sent with every call that ends by itself and has no deadline in its context;
	// 0 is none.
	Timeout time.Duration
	// Patience is how long to try to connect; 0 is one attempt.
	Patience time.Duration
	// Observe, if not nil, is told of every call that has ended.
	Observe func(method string, took time.Duration, err error)
}

// A Client is a connection to an agent.
type Client struct {
	rpc     *ttrpc.Client
	timeout time.Duration
	observe func(method string, took time.Duration, err error)
}

// Dial connects to an agent.
func Dial(ctx context.Context, a address.Address, o Options) (*Client, error) {
	conn, err := a.Dial(ctx, o.Patience)
	if err != nil {
		return nil, err
	}
	return &Client{rpc: ttrpc.NewClient(conn), timeout: o.Timeout, observe: o.Observe}, nil
}

// Close ends the connection. Calls under way fail with ttrpc.ErrClosed.
func (c *Client) Close() error { return c.rpc.Close() }

// Call makes one call. A refusal by the agent comes as a *Error.
func (c *Client) Call(ctx context.Context, m protocols.Method, request protocols.Message) (protocols.Message, error) {
	reply := m.NewResponse()
	return reply, c.call(ctx, m.Service, m.Method, c.timeout, request, reply)
}

// Ask makes the call of that name; see LookUp.
func (c *Client) Ask(ctx context.Context, name string, request protocols.Message) (protocols.Message, error) {
	m, err := LookUp(name)
	if err != nil {
		return nil, err
	}
	return c.Call(ctx, m, request)
}

// Diagnostic is what the agent tells of itself under a log_type of GetDiagnosticData.
func (c *Client) Diagnostic(ctx context.Context, logType string) (string, error) {
	reply, err := c.Ask(ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: logType})
	if err != nil {
		return "", err
	}
	return reply.(*protocols.GetDiagnosticDataResponse).Data, nil
}

func (c *Client) call(ctx context.Context, service, method string, limit time.Duration, request, reply protocols.Message) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	start := time.Now()
	err := c.rpc.Call(ctx, service, method, protocols.Wire(request), protocols.Wire(reply))
	if c.observe != nil {
		c.observe(method, time.Since(start), err)
	}
	if err == nil {
		return nil
	}
	return &Error{Method: method, Err: err}
}

// Error is a call that went wrong: at the agent, whose code and text it has, or on the way.
type Error struct {
	Method string
	Err    error
}

// Error gives code and text of the agent, or what happened to the connection.
func (e *Error) Error() string {
	if errors.Is(e.Err, ttrpc.ErrClosed) {
		return e.Method + ": the agent has closed the connection"
	}
	if s, ok := status.FromError(e.Err); ok {
		return fmt.Sprintf("%s: %s: %s", e.Method, s.Code(), s.Message())
	}
	return fmt.Sprintf("%s: %v", e.Method, e.Err)
}

// Unwrap is the error of ttRPC.
func (e *Error) Unwrap() error { return e.Err }

// Code is the agent's status code; Unknown if the call did not get that far. Whether agent or client
// notices first that the time is over makes no difference.
func (e *Error) Code() codes.Code {
	if errors.Is(e.Err, context.DeadlineExceeded) {
		return codes.DeadlineExceeded
	}
	return status.Code(e.Err)
}
