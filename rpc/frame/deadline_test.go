// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

func (c *client) callFor(stream uint32, method string, limit time.Duration) {
	c.t.Helper()
	c.send(stream, &ttrpc.Request{Service: "grpc.AgentService", Method: method, TimeoutNano: int64(limit)})
}

func TestDeadline(t *testing.T) {
	var s source
	release := make(chan struct{})
	deadlines := make(chan bool, 100)
	_, path := serveMux(t, Options{Methods: []Method{
		s.method(false),
		blocking("Blocking", echo),
		async("Silent", func(*Call, *protocols.ReadStreamRequest) {}),
		async("Stubborn", func(c *Call, _ *protocols.ReadStreamRequest) { c.OnCancel(func() bool { return false }) }),
		async("Late", func(c *Call, _ *protocols.ReadStreamRequest) {
			c.OnCancel(func() bool { c.ReplyBytes([]byte("late")); return false })
		}),
		blocking("Obeys", func(ctx context.Context, _ *protocols.ReadStreamRequest) (protocols.Message, error) {
			_, ok := ctx.Deadline()
			deadlines <- ok
			<-ctx.Done()
			return nil, ctx.Err()
		}),
		blocking("Hangs", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
			<-release
			return &protocols.ReadStreamResponse{Data: []byte("x")}, nil
		}),
	}})
	c := dial(t, path)
	const limit = 20 * time.Millisecond
	for _, method := range []string{"Silent", "Stubborn", "Hangs"} {
		c.callFor(7, method, limit)
		c.expect(7, codes.DeadlineExceeded, "timeout")
	}
	// On a busy machine the deadline can pass before the handler is called.
	reached := func(method string, called func() bool) {
		t.Helper()
		for limit := limit; ; limit *= 2 {
			c.callFor(7, method, limit)
			c.expect(7, codes.DeadlineExceeded, "timeout")
			if called() {
				return
			}
		}
	}
	reached("Async", func() bool { return s.canceled.Load() == 1 })
	reached("Obeys", func() bool { return len(deadlines) > 0 })
	if !<-deadlines {
		t.Error("the handler's context has no deadline")
	}
	// A reply that comes instead of a cancellation is not lost.
	c.callFor(7, "Late", limit)
	c.expectData(7, 4)
	// The late reply of Hangs goes nowhere.
	close(release)
	c.callFor(7, "Blocking", time.Hour)
	c.expectData(7, 0)
	// The time is over before the call has arrived.
	c.callFor(9, "Async", -1)
	c.expect(9, codes.DeadlineExceeded, "timeout")
	c.callFor(9, "Obeys", -1)
	c.expect(9, codes.DeadlineExceeded, "timeout")
}

// TestAnsweredIsOver holds the handler to what the client was told: once a call has been answered
// with DEADLINE_EXCEEDED, its context has ended, however late the handler ran.
func TestAnsweredIsOver(t *testing.T) {
	var answered [300]chan struct{}
	for i := range answered {
		answered[i] = make(chan struct{})
	}
	var served atomic.Int32
	_, path := serveMux(t, Options{Methods: []Method{
		blocking("Waits", func(ctx context.Context, r *protocols.ReadStreamRequest) (protocols.Message, error) {
			<-answered[r.Len]
			if ctx.Err() == nil {
				t.Error("the handler may still go on")
			}
			served.Add(1)
			return nil, ctx.Err()
		}),
	}})
	c := dial(t, path)
	for i := range answered {
		body, _ := (&protocols.ReadStreamRequest{Len: uint32(i)}).Marshal()
		c.send(uint32(2*i+1), &ttrpc.Request{
			Service: "grpc.AgentService", Method: "Waits", Payload: body, TimeoutNano: int64(50 * time.Millisecond),
		})
	}
	for range answered {
		stream, resp := c.receive()
		if code := codes.Code(resp.GetStatus().GetCode()); code != codes.DeadlineExceeded {
			t.Errorf("stream %d: %v", stream, code)
		}
		close(answered[stream/2])
	}
	if served.Load() == 0 {
		waitFor(t, "a handler", func() bool { return served.Load() > 0 })
	}
}

// TestManyDeadlines has calls end in the order of their deadlines, not of their arrival.
func TestManyDeadlines(t *testing.T) {
	var s source
	waits := s.method(false)
	serve := waits.Async
	// A deadline counts from the call's arrival, of which a busy machine makes any time.
	deadlines := make(chan time.Time, 100)
	waits.Async = func(c *Call, m protocols.Message) {
		deadline, _ := c.Deadline()
		deadlines <- deadline
		serve(c, m)
	}
	_, path := serveMux(t, Options{Methods: []Method{waits}})
	c := dial(t, path)
	c.callFor(1, "Async", time.Hour)
	<-deadlines
	due := map[uint32]time.Time{}
	for i := range 20 {
		id := uint32(1001 - 2*i)
		c.callFor(id, "Async", time.Second-time.Duration(i)*20*time.Millisecond)
		due[id] = guard.Receive(t, "the call", deadlines)
	}
	inOrder := slices.SortedFunc(maps.Keys(due), func(a, b uint32) int { return due[a].Compare(due[b]) })
	for _, id := range inOrder {
		c.expect(id, codes.DeadlineExceeded, "timeout")
	}
	if n := s.waiting(); n != 1 {
		t.Errorf("%d calls wait", n)
	}
}

// TestDoneAtTheDeadline: a handler that has done its work when its context ends is believed, though the
// deadline has passed: what it has made stands, and its client must know of it.
func TestDoneAtTheDeadline(t *testing.T) {
	_, path := serveMux(t, Options{Methods: []Method{
		blocking("Done", func(ctx context.Context, _ *protocols.ReadStreamRequest) (protocols.Message, error) {
			<-ctx.Done()
			return &protocols.ReadStreamResponse{}, nil
		}),
	}})
	c := dial(t, path)
	guard.Until(t, "the answer of a handler that returns right after the deadline", func() bool {
		c.callFor(7, "Done", time.Millisecond)
		_, resp := c.receive() // on a busy machine the handler can return too late
		return codes.Code(resp.GetStatus().GetCode()) == codes.OK
	})
}
