// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// stuck is a method whose calls do not come back from the kernel until they are released.
func stuck(release <-chan struct{}) Method {
	return async("Stuck", func(c *Call, r *protocols.ReadStreamRequest) {
		<-release
		asyncEcho(c, r)
	})
}

// answers takes replies to these calls, in any order, and checks each.
func (c *client) answers(calls ...uint32) {
	c.t.Helper()
	_ = c.nc.SetReadDeadline(time.Now().Add(guard.Hang))
	wanted := map[uint32]bool{}
	for _, id := range calls {
		wanted[id] = true
	}
	for range calls {
		id, resp := c.receive()
		if !wanted[id] || resp.GetStatus().GetCode() != int32(codes.OK) {
			c.t.Fatalf("call %d: %v", id, resp)
		}
		delete(wanted, id)
	}
}

// TestStuckHandler has handlers that do not come back: calls that come after are served, each
// once, and the stuck ones are answered in the end.
func TestStuckHandler(t *testing.T) {
	release := make(chan struct{})
	_, path := serveMux(t, Options{Methods: []Method{stuck(release), async("Async", asyncEcho), blocking("Blocking", echo)}})
	c := dial(t, path)
	one := &protocols.ReadStreamRequest{Len: 1}
	c.call(1, "Stuck", one)
	c.call(3, "Async", one)
	c.answers(3)
	c.call(5, "Stuck", one)
	c.call(7, "Async", one)
	c.call(9, "Blocking", one)
	c.answers(7, 9)
	close(release)
	c.answers(1, 5)
	for i := range uint32(100) {
		c.call(11+2*i, "Async", one)
		c.answers(11 + 2*i)
	}
}

// TestStuckHandlerOfAGoneClient ends the connection of a stuck call.
func TestStuckHandlerOfAGoneClient(t *testing.T) {
	release := make(chan struct{})
	m, _ := serveMux(t, Options{Methods: []Method{stuck(release), async("Async", asyncEcho)}})
	ours, theirs := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		m.ServeConn(context.Background(), theirs, nil)
	}()
	c := &client{t: t, nc: ours}
	c.call(1, "Stuck", &protocols.ReadStreamRequest{})
	ours.Close()
	waitFor(t, "the connection to end", func() bool {
		select {
		case <-served:
			return true
		default:
			return false
		}
	})
	close(release)
}

// TestStuckHandlerAmongSuspended has a call stuck when it is served anew after its client has
// fallen behind: the other suspended calls are served, and replies are written.
func TestStuckHandlerAmongSuspended(t *testing.T) {
	const reads, size = 200, 32 << 10
	var s source
	var again atomic.Int64
	release := make(chan struct{})
	r := async("Async", func(c *Call, r *protocols.ReadStreamRequest) {
		if !c.Again() {
			s.async(c, r)
			return
		}
		if again.Add(1) == 1 {
			<-release
		}
		c.ReplyBytes(make([]byte, r.Len))
	})
	r.Bulk = true
	_, path := serveMux(t, Options{Methods: []Method{r}, Limits: Limits{Queued: 1 << 20}})
	c := dial(t, path)
	for i := range uint32(reads) {
		c.call(2*i+1, "Async", &protocols.ReadStreamRequest{Len: size})
	}
	waitFor(t, "the reads to arrive", func() bool { return s.waiting() == reads })
	waitFor(t, "reads to be canceled", func() bool {
		if sc := s.next(); sc != nil {
			sc.call.ReplyBytes(make([]byte, size))
		}
		return s.canceled.Load() > 0 && s.waiting() == 0
	})
	_ = c.nc.SetReadDeadline(time.Now().Add(guard.Hang))
	for range reads - 1 {
		if _, resp := c.receive(); len(resp.Payload) < size {
			t.Fatal(resp)
		}
	}
	close(release)
	if _, resp := c.receive(); len(resp.Payload) < size {
		t.Fatal(resp)
	}
}
