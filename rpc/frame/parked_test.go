// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// source stands for the readers of many streams: calls wait in it until it is told to answer.
type source struct {
	mu    sync.Mutex
	calls []*sourceCall
	// canceled counts calls taken back, served how often the method was entered.
	canceled, served, ended atomic.Int64
}

type sourceCall struct {
	call *Call
	n    int
	gone bool
}

func (s *source) async(c *Call, r *protocols.ReadStreamRequest) {
	s.served.Add(1)
	sc := &sourceCall{call: c, n: int(r.Len)}
	s.mu.Lock()
	s.calls = append(s.calls, sc)
	s.mu.Unlock()
	c.OnCancel(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if sc.gone {
			return false
		}
		sc.gone = true
		s.canceled.Add(1)
		return true
	})
}

// next takes the oldest call that has not been canceled.
func (s *source) next() *sourceCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.calls) > 0 {
		sc := s.calls[0]
		s.calls = s.calls[1:]
		if !sc.gone {
			sc.gone = true
			return sc
		}
	}
	return nil
}

func (s *source) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, sc := range s.calls {
		if !sc.gone {
			n++
		}
	}
	return n
}

func (s *source) answerAll(data []byte) {
	for sc := s.next(); sc != nil; sc = s.next() {
		sc.call.ReplyBytes(data[:min(sc.n, len(data))])
	}
}

func (s *source) method(bulk bool) Method {
	r := async("Async", s.async)
	r.Bulk = bulk
	return r
}

// TestStormOfShuffledIDs makes 10,000 calls, 50 at a time, whose ids are neither in order nor new.
func TestStormOfShuffledIDs(t *testing.T) {
	_, path := serveMux(t, Options{Methods: codeMethods()})
	const calls, window = 10000, 50
	for _, method := range []string{"Blocking", "Async"} {
		c := dial(t, path)
		free := make([]uint32, 0, window)
		for i := range uint32(window) {
			free = append(free, 4294967295-8*i)
		}
		wanted := map[uint32]int{}
		for sent, got := 0, 0; got < calls; {
			for len(free) > 0 && sent < calls {
				i := rand.IntN(len(free))
				id := free[i]
				free[i] = free[len(free)-1]
				free = free[:len(free)-1]
				wanted[id] = rand.IntN(100)
				c.call(id, method, &protocols.ReadStreamRequest{Len: uint32(wanted[id])})
				sent++
			}
			id, resp := c.receive()
			n, ok := wanted[id]
			var data protocols.ReadStreamResponse
			if err := data.Unmarshal(resp.Payload); err != nil || !ok || resp.GetStatus().GetCode() != 0 || len(data.Data) != n {
				t.Fatalf("%s call %d: %v, %d bytes (%v), expected %v with %d", method, id, resp.Status, len(data.Data), err, ok, n)
			}
			delete(wanted, id)
			free = append(free, id)
			got++
		}
	}
}

// TestParked keeps 5,000 calls waiting on one connection: no goroutine each, little memory.
func TestParked(t *testing.T) {
	const calls = 5000
	var s source
	_, path := serveMux(t, Options{Methods: []Method{s.method(true), blocking("Blocking", echo)}})
	c := dial(t, path)
	c.call(1, "Blocking", &protocols.ReadStreamRequest{Len: 1})
	c.expectData(1, 1)
	goroutines := runtime.NumGoroutine()
	before := heapInUse()
	for i := range uint32(calls) {
		c.call(2*i+1, "Async", &protocols.ReadStreamRequest{
			ContainerId: fmt.Sprintf("%064d", i), ExecId: fmt.Sprintf("%036d", i), Len: 32,
		})
	}
	waitFor(t, "calls to arrive", func() bool { return s.waiting() == calls })
	// A timer's function is a goroutine for a moment.
	waitFor(t, "no more goroutines with calls waiting than without", func() bool { return runtime.NumGoroutine() <= goroutines })
	each := (heapInUse() - before) / calls
	t.Logf("%d bytes for a waiting read, with the test's own record of it", each)
	if each > 600 {
		t.Errorf("%d bytes for each waiting call", each)
	}
	c.call(3, "Blocking", &protocols.ReadStreamRequest{Len: 2})
	c.expectData(3, 2)

	go s.answerAll(make([]byte, 32))
	seen := map[uint32]bool{}
	for range calls {
		id, resp := c.receive()
		if seen[id] || resp.GetStatus().GetCode() != 0 {
			t.Fatalf("reply to %d: %v, seen before: %v", id, resp.Status, seen[id])
		}
		seen[id] = true
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAnswersOnce answers one call from many sides.
func TestAnswersOnce(t *testing.T) {
	var s source
	var ended atomic.Int64
	_, path := serveMux(t, Options{Methods: []Method{async("Async", func(c *Call, r *protocols.ReadStreamRequest) {
		c.OnEnd(func(codes.Code, string) { ended.Add(1) })
		s.async(c, r)
	}), async("Next", asyncEcho)}})
	c := dial(t, path)
	for i := range 200 {
		c.call(5, "Async", &protocols.ReadStreamRequest{Len: 1})
		waitFor(t, "the call", func() bool { return s.waiting() == 1 })
		call := s.next().call
		var wg sync.WaitGroup
		for j := range 4 {
			wg.Go(func() {
				if j%2 == 0 {
					call.ReplyBytes([]byte("x"))
				} else {
					call.Fail(Errorf(codes.NotFound, "y"))
				}
			})
		}
		wg.Wait()
		if id, _ := c.receive(); id != 5 {
			t.Fatalf("answer to %d", id)
		}
		c.call(7, "Next", &protocols.ReadStreamRequest{Len: 2})
		c.expectData(7, 2)
		if n := ended.Load(); n != int64(i+1) {
			t.Fatalf("ended %d times after %d calls", n, i+1)
		}
	}
}

// TestGone cuts a connection with calls of both kinds on it, beside another that lives on.
func TestGone(t *testing.T) {
	var s source
	running := make(chan context.Context, 1)
	_, path := serveMux(t, Options{Methods: []Method{
		async("Async", func(c *Call, r *protocols.ReadStreamRequest) {
			c.OnEnd(func(code codes.Code, _ string) {
				if code == codes.Canceled {
					s.ended.Add(1)
				}
			})
			s.async(c, r)
		}),
		blocking("Blocking", echo),
		blocking("Waits", func(ctx context.Context, _ *protocols.ReadStreamRequest) (protocols.Message, error) {
			running <- ctx
			<-ctx.Done()
			return nil, ctx.Err()
		}),
	}})
	other := dial(t, path)
	other.call(1, "Async", &protocols.ReadStreamRequest{Len: 5})
	waitFor(t, "the other's call", func() bool { return s.waiting() == 1 })

	c := dial(t, path)
	for i := range uint32(100) {
		c.call(2*i+1, "Async", &protocols.ReadStreamRequest{Len: 5})
	}
	c.call(1, "Waits", &protocols.ReadStreamRequest{})
	ctx := <-running
	waitFor(t, "calls", func() bool { return s.waiting() == 101 })
	c.nc.Close()
	guard.Receive(t, "the end of the handler's context", ctx.Done())
	if ctx.Err() != context.Canceled {
		t.Errorf("context ended by %v", ctx.Err())
	}
	waitFor(t, "cancellation", func() bool { return s.canceled.Load() == 100 && s.ended.Load() == 100 })
	s.answerAll(make([]byte, 5))
	other.expectData(1, 5)
	other.call(3, "Blocking", &protocols.ReadStreamRequest{Len: 1})
	other.expectData(3, 1)
}

// TestMetadata hands what the client sends along to handlers of both kinds.
func TestMetadata(t *testing.T) {
	got := make(chan string, 1)
	tell := func(ctx context.Context) {
		v, _ := ttrpc.GetMetadataValue(ctx, "traceparent")
		got <- v
	}
	_, path := serveMux(t, Options{Methods: []Method{
		blocking("Blocking", func(ctx context.Context, _ *protocols.ReadStreamRequest) (protocols.Message, error) {
			tell(ctx)
			return nil, nil
		}),
		async("Async", func(c *Call, _ *protocols.ReadStreamRequest) { tell(c.Context()); c.Reply(nil) }),
	}})
	c := dial(t, path)
	for _, method := range []string{"Blocking", "Async"} {
		for _, want := range []string{"00-1-2-01", ""} {
			r := &ttrpc.Request{Service: "grpc.AgentService", Method: method}
			if want != "" {
				r.Metadata = []*ttrpc.KeyValue{{Key: "traceparent", Value: want}, {Key: "Tracestate", Value: "a=b"}}
			}
			c.send(1, r)
			c.expect(1, codes.OK, "")
			if v := <-got; v != want {
				t.Errorf("%s: traceparent %q, want %q", method, v, want)
			}
		}
	}
}

// TestManyInOneWrite sends a batch of frames, one of them in single bytes.
func TestManyInOneWrite(t *testing.T) {
	_, path := serveMux(t, Options{Methods: codeMethods()})
	c := dial(t, path)
	var batch bytes.Buffer
	payload, _ := (&protocols.ReadStreamRequest{Len: 9}).Marshal()
	one := frameOf(9, kindRequest, 0, envelopeOf(t, &ttrpc.Request{Service: "grpc.AgentService", Method: "Async", Payload: payload}))
	for range 1000 {
		batch.Write(one)
	}
	go c.nc.Write(batch.Bytes())
	for range 1000 {
		c.expectData(9, 9)
	}
	for _, b := range one {
		c.write([]byte{b})
	}
	c.expectData(9, 9)
}
