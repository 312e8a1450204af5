// SPDX-License-Identifier: Apache-2.0

package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"
)

// retryInterval is how long Dial waits between two attempts.
const retryInterval = 10 * time.Millisecond

// Dial connects. While nobody listens there it tries again, until patience is over (0: one
// attempt) or ctx ends: an agent that has just been started takes a moment to listen.
func (a Address) Dial(ctx context.Context, patience time.Duration) (net.Conn, error) {
	give := time.Now().Add(patience)
	for {
		conn, err := a.dialOnce(ctx)
		if err == nil {
			return conn, nil
		}
		if time.Now().After(give) {
			return nil, fmt.Errorf("connect to %s: %w%s", a, err, hint(err))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to %s: %w", a, errors.Join(err, ctx.Err()))
		case <-time.After(retryInterval):
		}
	}
}

func (a Address) dialOnce(ctx context.Context) (net.Conn, error) {
	if a.Kind == Vsock {
		return vsock.Dial(a.CID, a.Port, nil)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", a.Path)
	if err != nil || a.Kind == Unix {
		return conn, err
	}
	if err := handshake(ctx, conn, a.Port); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// hint is for errors that mean that nobody listens there.
func hint(err error) string {
	for _, nobody := range []error{unix.ECONNREFUSED, unix.ENOENT, unix.ECONNRESET, unix.ENODEV, unix.ETIMEDOUT} {
		if errors.Is(err, nobody) {
			return " (is the agent running?)"
		}
	}
	return ""
}
