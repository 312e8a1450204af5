// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// Pending calls visit for each call of the connection that has no answer yet, with how long it has had
// none. visit must not block, nor answer calls.
func (c *Conn) Pending(visit func(r *Method, since time.Duration)) {
	now := time.Since(epoch)
	c.mu.Lock()
	defer c.mu.Unlock()
	for call := c.calls; call != nil; call = call.next {
		visit(call.method, now-call.began)
	}
}

// connKey marks the connection in the contexts of its calls.
type connKey struct{}

// Of returns the connection that has made the call of ctx, nil if none has.
func Of(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// numbers counts the connections, so that their names differ.
var numbers atomic.Uint64

// String names the connection, which no other has been named in this process: its number, and where
// it comes from: "3 (vsock host(2):1024)".
func (c *Conn) String() string {
	from := peerName(c.nc)
	if from == "" {
		return fmt.Sprint(c.number)
	}
	return fmt.Sprintf("%d (%s)", c.number, from)
}

// peerName is the address of the other side, "" if it has none, as most of a unix socket.
func peerName(nc net.Conn) string {
	at := nc.RemoteAddr()
	if at == nil || at.String() == "" || at.String() == "@" {
		return ""
	}
	return at.Network() + " " + at.String()
}
