// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// holding is a method that keeps so many bytes as the request says until it is canceled or answered.
func holding(s *source) Method {
	return async("Holds", func(c *Call, r *protocols.ReadStreamRequest) {
		if err := c.Hold(int(r.Len), r.ExecId != "sure"); err != nil {
			c.Fail(err)
			return
		}
		s.async(c, r)
	})
}

func statusOfFull(err error) (codes.Code, string) {
	if errors.Is(err, ErrFull) {
		return codes.ResourceExhausted, err.Error()
	}
	return Status(err)
}

// TestHeldRequests bounds what calls that wait keep, for each connection and for all; other calls go
// on, and what was kept is free again when its call or its connection ends.
func TestHeldRequests(t *testing.T) {
	var s source
	var freed atomic.Int64
	m, path := serveMux(t, Options{
		Limits: Limits{Held: 100}, HeldByAll: 150, Status: statusOfFull,
		Methods: []Method{holding(&s), async("Async", asyncEcho)},
		Freed:   func(n int) { freed.Add(int64(n)) },
	})
	hold := func(c *client, id uint32, n int, full string) {
		t.Helper()
		c.call(id, "Holds", &protocols.ReadStreamRequest{Len: uint32(n)})
		if full != "" {
			_, resp := c.receive()
			text := resp.GetStatus().GetMessage()
			if codes.Code(resp.GetStatus().GetCode()) != codes.ResourceExhausted || !strings.Contains(text, full) {
				t.Errorf("%d bytes more: %v, want RESOURCE_EXHAUSTED with %q", n, resp, full)
			}
		}
		c.call(id+2, "Async", &protocols.ReadStreamRequest{Len: 1})
		c.expectData(id+2, 1)
	}
	a, b := dial(t, path), dial(t, path)
	hold(a, 1, 60, "")
	hold(a, 11, 41, "this connection for input that no process has read is full: 60 of 100 bytes are taken, 41 more wanted")
	hold(a, 21, 40, "")
	hold(b, 1, 51, "the agent for input that no process has read is full: 100 of 150")
	hold(b, 11, 50, "")
	s.next().call.ReplyBytes([]byte("x")) // the first call of a
	a.expectData(1, 1)
	waitFor(t, "the room of an answered call", func() bool { return m.held.Load() == 90 && freed.Load() == 60 })
	hold(a, 31, 60, "")
	a.nc.Close()
	waitFor(t, "the room of a connection", func() bool { return m.held.Load() == 50 && freed.Load() == 160+connMemory })
	hold(b, 21, 50, "")
	b.call(31, "Holds", &protocols.ReadStreamRequest{Len: 60, ExecId: "sure"})
	hold(b, 41, 1, "this connection for input that no process has read is full: 160 of 100")
}

// TestUrgent has calls that end others run when as many calls run as may.
func TestUrgent(t *testing.T) {
	release := make(chan struct{})
	var running atomic.Int32
	kill := blocking("Kill", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
		close(release)
		return nil, nil
	})
	kill.Urgent = true
	_, path := serveMux(t, Options{Limits: Limits{Running: 2}, Methods: []Method{kill,
		blocking("Hangs", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
			if n := running.Add(1); n > 2 {
				t.Errorf("%d calls run, want at most 2", n)
			}
			<-release
			running.Add(-1)
			return nil, nil
		})}})
	c := dial(t, path)
	for i := range uint32(5) {
		c.call(2*i+1, "Hangs", &protocols.ReadStreamRequest{})
	}
	waitFor(t, "calls to run", func() bool { return running.Load() == 2 })
	c.call(101, "Kill", &protocols.ReadStreamRequest{})
	for range 6 {
		if _, resp := c.receive(); codes.Code(resp.GetStatus().GetCode()) != codes.OK {
			t.Errorf("%v, want OK", resp)
		}
	}
}

// TestTooManyCalls: what comes when many calls wait is refused and says so, and the connection is read
// on: async calls are served, and urgent ones run, though those that run never end.
func TestTooManyCalls(t *testing.T) {
	release := make(chan struct{})
	hangs := blocking("Hangs", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
		<-release
		return nil, nil
	})
	kill := blocking("Kill", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
		close(release)
		return nil, nil
	})
	kill.Urgent = true
	_, path := serveMux(t, Options{Limits: Limits{Running: 2, Waiting: 3}, Methods: []Method{hangs, kill, async("Echo", asyncEcho)}})
	c := dial(t, path)
	for i := range uint32(6) {
		c.call(2*i+1, "Hangs", &protocols.ReadStreamRequest{})
	}
	stream, resp := c.receive()
	if text := resp.GetStatus().GetMessage(); stream != 11 || !strings.Contains(text, "full: 2 run and 3 wait") {
		t.Errorf("stream %d: %q, want that the room for calls is full", stream, text)
	}
	c.call(101, "Echo", &protocols.ReadStreamRequest{Len: 1})
	c.expectData(101, 1)
	c.call(103, "Kill", &protocols.ReadStreamRequest{})
	for range 6 {
		if _, resp := c.receive(); codes.Code(resp.GetStatus().GetCode()) != codes.OK {
			t.Errorf("%v, want OK", resp)
		}
	}
}
