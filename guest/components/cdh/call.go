// SPDX-License-Identifier: Apache-2.0

package cdh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/guest/components/socket"
	"github.com/kata-containers/kata-agent/protocols"
)

var (
	// ErrAbsent is a call in a guest that has no hub.
	ErrAbsent = errors.New("the guest has no Confidential Data Hub")
	// ErrDied is a call during which the hub has ended, or has closed the connection.
	ErrDied = errors.New("the Confidential Data Hub has ended during the call")
	// ErrClosed is a call of a client that was closed.
	ErrClosed = errors.New("the agent ends")
)

// Refusal is the answer of a hub that did not do what it was asked.
type Refusal struct{ Text string } // in the hub's own words

func (r *Refusal) Error() string { return "the Confidential Data Hub refuses: " + r.Text }

// call is one request and where its reply goes.
type call struct {
	service, method string
	limit           time.Duration
	request, reply  protocols.Message
}

// callTwice is call for what may be done again, but not for ever: it may be this call of which the
// hub dies.
func (c *Client) callTwice(ctx context.Context, m call) error {
	ctx, cancel := c.limited(ctx, m)
	defer cancel()
	err := c.call(ctx, m)
	if errors.Is(err, ErrDied) {
		m.reply.Reset()
		err = c.call(ctx, m)
	}
	return err
}

func (c *Client) call(ctx context.Context, m call) error {
	ctx, cancel := c.limited(ctx, m)
	defer cancel()
	conn, err := c.connect(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", m.method, err)
	}
	client := ttrpc.NewClient(conn)
	defer client.Close()
	err = client.Call(ctx, m.service, m.method, protocols.Wire(m.request), protocols.Wire(m.reply))
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", m.method, reason(ctx, err))
}

// reason is why a call has failed.
func reason(ctx context.Context, err error) error {
	answer, answered := status.FromError(err)
	// The hub knows the limit too, and may be the first to see that it is over.
	if until, ok := ctx.Deadline(); ok && answered && answer.Code() == codes.DeadlineExceeded && time.Until(until) < clockSlack {
		<-ctx.Done()
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, ttrpc.ErrClosed):
		return ErrDied
	case answered:
		return &Refusal{Text: answer.Message()}
	}
	return fmt.Errorf("Confidential Data Hub: %w", err)
}

// clockSlack is how much earlier than here a limit may be over in the hub.
const clockSlack = 100 * time.Millisecond

// limited ends with the client, and after the call's limit.
func (c *Client) limited(ctx context.Context, m call) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	unlink := context.AfterFunc(c.closed, func() { end(context.Cause(c.closed)) })
	ctx, cancel := context.WithTimeoutCause(ctx, m.limit, &lateError{after: m.limit})
	return ctx, func() {
		unlink()
		cancel()
		end(nil)
	}
}

// lateError is a limit that is over.
type lateError struct{ after time.Duration }

func (e *lateError) Error() string {
	return fmt.Sprintf("the Confidential Data Hub has not answered within %v", e.after)
}

// Is makes it the kind of error that any deadline gives.
func (e *lateError) Is(target error) bool { return target == context.DeadlineExceeded }

// connect waits for a hub that was there before.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	if !c.Present() {
		return nil, ErrAbsent
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.Timeout, &lateError{after: c.options.Timeout})
	defer cancel()
	conn, err := socket.Dial(ctx, c.options.Socket)
	if errors.Is(err, fs.ErrNotExist) { // its directory is gone, and so is the hub
		err = fmt.Errorf("%w any more: %w", ErrAbsent, err)
	}
	return conn, err
}
