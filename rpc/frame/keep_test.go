// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"context"
	"maps"
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// notes is a Keeper that can be looked at.
type notes struct {
	mu               sync.Mutex
	reading, writing bool
	closed           bool
	next             int
	streams          map[int]uint32
	frames           map[int][]byte
}

func (n *notes) Reading(on bool) { n.mu.Lock(); n.reading = on; n.mu.Unlock() }
func (n *notes) Writing(on bool) { n.mu.Lock(); n.writing = on; n.mu.Unlock() }
func (n *notes) Close()          { n.mu.Lock(); n.closed = true; n.mu.Unlock() }

func (n *notes) Enter(stream uint32, frame []byte) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next++
	n.streams[n.next], n.frames[n.next] = stream, frame
	return n.next
}

func (n *notes) Leave(i int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.streams, i)
	delete(n.frames, i)
}

// quiet tells whether another process could go on now.
func (n *notes) quiet() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.reading && !n.writing
}

// entries are the remembered requests by stream.
func (n *notes) entries() map[uint32][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[uint32][]byte{}
	for i, stream := range n.streams {
		all[stream] = n.frames[i]
	}
	return all
}

// keptMux has a method "Async" whose calls wait in s and may be served again, and a "Blocking" one that
// returns when release is closed.
func keptMux(t *testing.T, s *source, release <-chan struct{}) (*Mux, *notes) {
	t.Helper()
	n := &notes{streams: map[int]uint32{}, frames: map[int][]byte{}}
	again := s.method(true)
	again.Again = true
	m, err := NewMux(Options{
		Keep: func(net.Conn) Keeper { return n },
		Methods: []Method{again, async("Echo", asyncEcho), blocking("Blocking", func(ctx context.Context, r *protocols.ReadStreamRequest) (protocols.Message, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return echo(ctx, r)
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, n
}

// TestKeptRequests: what is remembered are the requests without an answer, those that can be served again
// as they came.
func TestKeptRequests(t *testing.T) {
	var s source
	release := make(chan struct{})
	m, n := keptMux(t, &s, release)
	c, conn, served := serveConn(t, m)
	read := &protocols.ReadStreamRequest{ContainerId: "c1", Len: 5}
	payload, err := read.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	frame := frameOf(1, kindRequest, 0, envelopeOf(t, requestTo("Async", payload)))
	c.write(frame)
	c.call(3, "Blocking", read)
	waitFor(t, "both requests to be remembered, and nothing under way", func() bool { return n.quiet() && len(n.entries()) == 2 })
	want := map[uint32][]byte{1: frame, 3: nil}
	if got := n.entries(); !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("remembered: %v, want %v", got, want)
	}
	s.answerAll([]byte("hello"))
	c.expectData(1, 5)
	close(release)
	c.expectData(3, 5)
	waitFor(t, "nothing to be remembered or under way", func() bool { return n.quiet() && len(n.entries()) == 0 })
	conn.Close()
	<-served
	if !n.closed {
		t.Error("the connection has ended, and is still remembered")
	}
}

// TestKeptIsNotQuiet: while part of a request has been read, or part of an answer has not been taken, no
// other process can go on.
func TestKeptIsNotQuiet(t *testing.T) {
	var s source
	m, n := keptMux(t, &s, nil)
	c, conn, served := serveConn(t, m)
	payload, err := (&protocols.ReadStreamRequest{Len: 2 << 20}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	frame := frameOf(1, kindRequest, 0, envelopeOf(t, requestTo("Echo", payload)))
	for at := 1; at < len(frame); at++ {
		c.write(frame[at-1 : at])
		waitFor(t, "a byte to be read", func() bool { return unread(t, conn) == 0 })
		if n.quiet() {
			t.Fatalf("%d bytes of a frame of %d have been read, and the connection is said to be quiet", at, len(frame))
		}
	}
	c.write(frame[len(frame)-1:]) // the answer is more than a socket holds
	waitFor(t, "the answer to be on its way", func() bool { return conn.box.size.Load() > 0 })
	if n.quiet() {
		t.Error("an answer is half written, and the connection is said to be quiet")
	}
	c.expectData(1, 2<<20)
	waitFor(t, "nothing to be under way", n.quiet)
	conn.Close()
	<-served
}

// unread is how many bytes of the peer's are still with the kernel.
func unread(t *testing.T, c *Conn) (n int) {
	t.Helper()
	var err error
	if failed := c.box.raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	return n
}

// TestGoOn: the calls that another process had parked are served in their order, those that it was doing are
// answered, and new ones are served.
func TestGoOn(t *testing.T) {
	var s source
	m, n := keptMux(t, &s, nil)
	ours, theirs := socketPair(t)
	c := &client{t: t, nc: theirs}
	c.reset()
	left := Left{Unanswered: []uint32{5}}
	for i, stream := range []uint32{1, 3} {
		payload, err := (&protocols.ReadStreamRequest{Len: uint32(3 + i)}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		left.Again = append(left.Again, frameOf(stream, kindRequest, 0, envelopeOf(t, requestTo("Async", payload))))
	}
	done := make(chan struct{})
	go func() {
		m.GoOnConn(context.Background(), ours, left, nil)
		close(done)
	}()
	c.expect(5, codes.Unavailable, RestartedText)
	waitFor(t, "both calls to be parked again", func() bool { return s.waiting() == 2 && n.quiet() && len(n.entries()) == 2 })
	for _, want := range []struct {
		stream uint32
		length int
	}{{1, 3}, {3, 4}} {
		sc := s.next()
		sc.call.ReplyBytes(make([]byte, sc.n))
		c.expectData(want.stream, want.length)
	}
	c.call(7, "Echo", &protocols.ReadStreamRequest{Len: 9})
	c.expectData(7, 9)
	theirs.Close()
	<-done
}
