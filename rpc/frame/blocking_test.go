// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// TestNothingStays makes many blocking calls on one connection, which may live for weeks, and looks for
// what is left of them.
func TestNothingStays(t *testing.T) {
	_, path := serveMux(t, Options{Methods: codeMethods()})
	c := dial(t, path)
	storm := func(n int) {
		for range n {
			c.call(1, "Blocking", &protocols.ReadStreamRequest{Len: 1})
			c.expectData(1, 1)
		}
	}
	storm(1000)
	before := heapInUse()
	const calls = 20000
	storm(calls)
	if grown := heapInUse() - before; grown > calls*16 {
		t.Errorf("%d bytes of heap grown in %d calls", grown, calls)
	}
}

// TestBlockingContextEnds ends a handler's context when the handler has returned, with a deadline and
// without, so that what hangs on the context does not live as long as the connection.
func TestBlockingContextEnds(t *testing.T) {
	contexts := make(chan context.Context, 1)
	_, path := serveMux(t, Options{Methods: []Method{
		blocking("Blocking", func(ctx context.Context, _ *protocols.ReadStreamRequest) (protocols.Message, error) {
			contexts <- ctx
			return nil, nil
		}),
		blocking("Panics", func(ctx context.Context, _ *protocols.ReadStreamRequest) (protocols.Message, error) {
			contexts <- ctx
			panic("wanted")
		}),
	}})
	c := dial(t, path)
	for _, limit := range []time.Duration{0, time.Hour} {
		for method, code := range map[string]codes.Code{"Blocking": codes.OK, "Panics": codes.Internal} {
			c.callFor(1, method, limit)
			if _, resp := c.receive(); codes.Code(resp.GetStatus().GetCode()) != code {
				t.Errorf("%s: %v, want %v", method, resp, code)
			}
			ctx := <-contexts
			waitFor(t, "the handler's context to end", func() bool { return ctx.Err() == context.Canceled })
		}
	}
}

// TestBacklogInOrder has calls wait for the one that runs: they run one at a time, the oldest first.
func TestBacklogInOrder(t *testing.T) {
	const calls = 50
	release := make(chan struct{})
	order := make(chan uint32, calls)
	var running atomic.Int32
	_, path := serveMux(t, Options{Limits: Limits{Running: 1}, Methods: []Method{async("Async", asyncEcho),
		blocking("Blocking", func(_ context.Context, q *protocols.ReadStreamRequest) (protocols.Message, error) {
			if n := running.Add(1); n > 1 {
				t.Errorf("%d calls run, want 1", n)
			}
			defer running.Add(-1)
			<-release
			order <- q.Len
			return nil, nil
		})}})
	c := dial(t, path)
	for i := range uint32(calls) {
		c.call(2*i+1, "Blocking", &protocols.ReadStreamRequest{Len: i})
	}
	c.call(1001, "Async", &protocols.ReadStreamRequest{Len: 1})
	c.expectData(1001, 1) // all calls before it have been read
	close(release)
	for i := range uint32(calls) {
		if got := <-order; got != i {
			t.Errorf("call %d ran, want call %d", got, i)
		}
		c.expect(2*i+1, codes.OK, "")
	}
}
