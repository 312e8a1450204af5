// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// TestStalledReader has a client with many reads outstanding that takes no replies: what it is
// owed stays in the pipes, others are served, and nothing is lost or reordered when it reads again.
func TestStalledReader(t *testing.T) {
	const reads, size = 2000, 32 << 10
	var s source
	limits := Limits{Queued: 1 << 20}
	_, path := serveMux(t, Options{Methods: []Method{s.method(true), async("Echo", asyncEcho)}, Limits: limits})
	other := dial(t, path)
	c := dial(t, path)
	for i := range uint32(reads) {
		c.call(2*i+1, "Async", &protocols.ReadStreamRequest{Len: size})
	}
	waitFor(t, "the reads to arrive", func() bool { return s.waiting() == reads })

	before := heapInUse()
	stop := make(chan struct{})
	var answers sync.WaitGroup
	var taken atomic.Int64
	answers.Go(func() { // all streams have bytes, always
		data := make([]byte, size)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if sc := s.next(); sc != nil {
				taken.Add(1)
				sc.call.ReplyBytes(data)
			} else {
				runtime.Gosched()
			}
			other.call(1, "Echo", &protocols.ReadStreamRequest{Len: 1})
			other.expectData(1, 1)
		}
	})
	waitFor(t, "reads to be canceled", func() bool { return s.canceled.Load() > 0 && s.waiting() == 0 })
	if n := taken.Load(); n*size > int64(limits.Queued)+4*size+1<<20 {
		t.Errorf("%d replies of %d bytes taken for a peer that does not read", n, size)
	}
	if grown := heapInUse() - before; grown > 4<<20 {
		t.Errorf("%d bytes of heap for a peer that does not read", grown)
	}
	// Its further calls are not read, or only few.
	for i := range uint32(5) {
		c.call(100001+2*i, "Async", &protocols.ReadStreamRequest{Len: size})
	}
	seen := map[uint32]bool{}
	for range reads + 5 {
		id, resp := c.receive()
		if seen[id] || len(resp.Payload) < size {
			t.Fatalf("reply to %d with %d bytes, seen before: %v", id, len(resp.Payload), seen[id])
		}
		seen[id] = true
	}
	close(stop)
	answers.Wait()
	if n := taken.Load(); n != reads+5 {
		t.Errorf("%d replies taken from their sources for %d reads", n, reads+5)
	}
}

// TestStalledReaderOfReplies has a client that sends without reading: it is no longer read from,
// and when it dies its calls do.
func TestStalledReaderOfReplies(t *testing.T) {
	var served atomic.Int64
	var gone atomic.Bool
	_, path := serveMux(t, Options{Methods: []Method{
		async("Echo", func(c *Call, r *protocols.ReadStreamRequest) { served.Add(1); asyncEcho(c, r) }),
		async("Waits", func(c *Call, _ *protocols.ReadStreamRequest) {
			c.OnCancel(func() bool { gone.Store(true); return true })
		}),
	}})
	c := dial(t, path)
	c.call(1, "Waits", &protocols.ReadStreamRequest{})
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		payload, _ := (&protocols.ReadStreamRequest{Len: 32 << 10}).Marshal()
		b := frameOf(3, kindRequest, 0, envelopeOf(t, requestTo("Echo", payload)))
		for range 100000 {
			if _, err := c.nc.Write(b); err != nil {
				return
			}
		}
	}()
	last := int64(-1)
	waitFor(t, "the connection to be left unread", func() bool {
		time.Sleep(20 * time.Millisecond) // clock: looked at too early, there are fewer replies
		n := served.Load()
		defer func() { last = n }()
		return n == last && n > 0
	})
	if n := served.Load(); n > 200 {
		t.Errorf("%d replies of 32 KiB for a peer that does not read", n)
	}
	c.nc.Close()
	<-sent
	waitFor(t, "the waiting call to be canceled", gone.Load)
}

// TestFull reaches the limits on calls: async ones go on while blocking ones wait in the backlog, a
// connection with all the calls it may have is not read, and its end is noticed all the same.
func TestFull(t *testing.T) {
	var s source
	var running, most atomic.Int64
	release := make(chan struct{})
	_, path := serveMux(t, Options{
		Limits: Limits{Running: 4, Parked: 50, Requests: 100 * callOverhead},
		Methods: []Method{s.method(false), async("Echo", asyncEcho),
			blocking("Waits", func(ctx context.Context, _ *protocols.ReadStreamRequest) (protocols.Message, error) {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				select {
				case <-release:
				case <-ctx.Done():
				}
				return nil, nil
			}),
		},
	})
	c := dial(t, path)
	for range 20 {
		c.call(1, "Waits", &protocols.ReadStreamRequest{})
	}
	waitFor(t, "handlers", func() bool { return running.Load() == 4 })
	for range 10 { // answered though the handlers hang
		c.call(3, "Echo", &protocols.ReadStreamRequest{Len: 1})
		c.expectData(3, 1)
	}
	for range 60 {
		c.call(5, "Async", &protocols.ReadStreamRequest{Len: 1})
	}
	waitFor(t, "the limit", func() bool { return s.waiting() == 50 })
	c.call(7, "Echo", &protocols.ReadStreamRequest{Len: 1})
	close(release)
	for range 20 {
		c.expect(1, codes.OK, "")
	}
	if s.waiting() != 50 || most.Load() > 4 {
		t.Errorf("%d async calls wait, at most %d handlers ran", s.waiting(), most.Load())
	}
	for range 11 {
		s.next().call.ReplyBytes([]byte("x"))
		c.expectData(5, 1)
	}
	c.expectData(7, 1) // read at last

	for range 20 {
		c.call(5, "Async", &protocols.ReadStreamRequest{Len: 1})
	}
	waitFor(t, "the limit again", func() bool { return s.waiting() == 50 })
	c.nc.Close()
	waitFor(t, "cancellation", func() bool { return s.canceled.Load() >= 50 })
}

// TestRequestBytes lets no more than the limit of request bytes in, but always one request.
func TestRequestBytes(t *testing.T) {
	var running atomic.Int64
	release := make(chan struct{})
	_, path := serveMux(t, Options{
		Limits: Limits{Requests: 10 << 10},
		Methods: []Method{blocking("Waits", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
			running.Add(1)
			<-release
			return nil, nil
		})},
	})
	c := dial(t, path)
	big := &protocols.ReadStreamRequest{ContainerId: string(make([]byte, 100<<10))}
	go func() {
		for range 3 {
			c.call(1, "Waits", big)
		}
	}()
	waitFor(t, "one", func() bool { return running.Load() == 1 })
	for i := range 3 {
		if n := running.Load(); n != int64(i+1) {
			t.Errorf("%d run, want %d", n, i+1)
		}
		release <- struct{}{}
		c.expect(1, codes.OK, "")
		if i < 2 {
			waitFor(t, "the next", func() bool { return running.Load() == int64(i+2) })
		}
	}
}

// TestDrain answers what is in flight, and reads no more.
func TestDrain(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{}, 1)
	var s source
	m, err := NewMux(Options{Methods: []Method{s.method(false), async("Echo", asyncEcho),
		blocking("Waits", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
			entered <- struct{}{}
			<-release
			return &protocols.ReadStreamResponse{Data: make([]byte, 3<<20)}, nil
		})}})
	if err != nil {
		t.Fatal(err)
	}
	c, conn, served := serveConn(t, m)
	c.call(1, "Async", &protocols.ReadStreamRequest{Len: 1})
	c.call(3, "Waits", &protocols.ReadStreamRequest{})
	<-entered

	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond) // clock: nothing else ends it
	defer cancel()
	if err := conn.Drain(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drained with a call in flight: %v, want %v", err, context.DeadlineExceeded)
	}
	c.call(5, "Echo", &protocols.ReadStreamRequest{Len: 1}) // too late
	close(release)
	drained := make(chan error)
	go func() { drained <- conn.Drain(context.Background()) }()
	c.expectData(3, 3<<20)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	conn.Close()
	<-served
	if _, _, err := c.tryReceive(); !errors.Is(err, io.EOF) && !isReset(err) {
		t.Errorf("after the end: %v", err)
	}
	if s.canceled.Load() != 1 {
		t.Error("the waiting call was not canceled")
	}
}

// TestPipe serves a connection without a descriptor.
func TestPipe(t *testing.T) {
	m, err := NewMux(Options{Methods: codeMethods(), Limits: Limits{Queued: 64 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	served := make(chan struct{})
	go func() {
		m.ServeConn(context.Background(), ours, nil)
		close(served)
	}()
	c := &client{t: t, nc: theirs}
	c.reset()
	go func() {
		for i := range uint32(100) {
			c.call(2*i+1, []string{"Blocking", "Async"}[i%2], &protocols.ReadStreamRequest{Len: 10 << 10})
		}
	}()
	for range 100 {
		if _, resp := c.receive(); len(resp.Payload) < 10<<10 {
			t.Fatalf("%d bytes", len(resp.Payload))
		}
	}
	theirs.Close()
	<-served
}

// TestDrainOfOverdue does not wait for calls whose deadline passed before their handlers began.
func TestDrainOfOverdue(t *testing.T) {
	release := make(chan struct{})
	m, err := NewMux(Options{Limits: Limits{Running: 1}, Methods: []Method{
		blocking("Waits", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
			<-release
			return nil, nil
		})}})
	if err != nil {
		t.Fatal(err)
	}
	c, conn, served := serveConn(t, m)
	c.callFor(1, "Waits", time.Hour)
	for range 5 {
		c.callFor(3, "Waits", time.Millisecond)
		c.expect(3, codes.DeadlineExceeded, "timeout")
	}
	drained := make(chan error, 1)
	go func() { drained <- conn.Drain(context.Background()) }()
	close(release)
	c.expect(1, codes.OK, "")
	if err := guard.Receive(t, "Drain, which waits for no calls that will never run", drained); err != nil {
		t.Error(err)
	}
	conn.Close()
	<-served
}
