// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// TestLinger keeps a drained connection until the peer has read its answers, and then as long as
// it is told; the peer may end it before.
func TestLinger(t *testing.T) {
	m, err := NewMux(Options{Methods: []Method{blocking("Blocking", echo)}})
	if err != nil {
		t.Fatal(err)
	}
	c, conn, served := serveConn(t, m)
	c.call(1, "Blocking", &protocols.ReadStreamRequest{Len: 10})
	waitFor(t, "the answer to be with the kernel", func() bool { return conn.unread() > 0 })
	if err := conn.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond) // clock: nothing else ends it
	defer cancel()
	if conn.Linger(short, 0); short.Err() == nil {
		t.Error("has not waited for the peer to read")
	}
	c.expectData(1, 10)
	long, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	conn.Linger(long, time.Millisecond) // comes back
	ended := make(chan struct{})
	go func() {
		conn.Linger(long, time.Hour)
		close(ended)
	}()
	c.nc.Close()
	<-ended
	if long.Err() != nil {
		t.Error("has lingered after the peer had read and gone")
	}
	<-served
}
