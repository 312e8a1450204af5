// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// stream is an origin that keeps the account of its bytes.
type stream struct {
	mu    sync.Mutex
	next  int64
	parts map[int64][]byte
	kept  int
}

func (s *stream) Kept() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept++
	s.next++
	return s.next
}

func (s *stream) Sent(int64) { s.mu.Lock(); defer s.mu.Unlock(); s.kept-- }

func (s *stream) Returned(token int64, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept--
	s.parts[token] = slices.Clone(data)
}

func (s *stream) Refused(data []byte) { s.Returned(s.Kept(), data) }

// back is what came back, in the order in which it was taken.
func (s *stream) back() (all []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range slices.Sorted(maps.Keys(s.parts)) {
		all = append(all, s.parts[token]...)
	}
	return all
}

// TestUnsentGoesBack: a peer asks for a lot, takes some of it and goes away. What it has not got comes
// back whole and in order, also the reply of which it has got a part.
func TestUnsentGoesBack(t *testing.T) {
	for _, size := range []int{100, 3000, 60000} {
		origin := &stream{parts: map[int64][]byte{}}
		var mu sync.Mutex
		var all []byte
		answered := 0
		m, err := NewMux(Options{
			Methods: []Method{async("ReadStdout", func(c *Call, _ *protocols.ReadStreamRequest) {
				mu.Lock()
				defer mu.Unlock()
				data := bytes.Repeat([]byte{byte(answered)}, size+answered%7)
				all = append(all, data...)
				answered++
				c.ReplyBytesOf(data, origin)
			})},
			Limits: Limits{Queued: 64 << 20},
		})
		if err != nil {
			t.Fatal(err)
		}
		c, conn, served := serveConn(t, m)
		n := 2_000_000/size + 10 // more than the socket takes
		for i := range n {
			c.call(uint32(2*i+1), "ReadStdout", &protocols.ReadStreamRequest{})
		}
		guard.Until(t, "all replies", func() bool { mu.Lock(); defer mu.Unlock(); return answered == n })
		conn.Close()
		guard.Receive(t, "the end of the connection", served)
		got := c.rest()
		back := origin.back() // Close has returned
		if whole := append(slices.Clone(got), back...); !bytes.Equal(whole, all) {
			t.Errorf("replies of %d bytes: the peer has got %d and %d came back, want %d together in their order",
				size, len(got), len(back), len(all))
		}
		if len(got) == 0 || len(back) == 0 {
			t.Errorf("replies of %d bytes: the peer has got %d and %d came back, want some of both", size, len(got), len(back))
		}
	}
}

// rest is what a peer finds in the replies of a connection that has ended, but for one that is not whole.
func (c *client) rest() (all []byte) {
	for {
		_, resp, err := c.tryReceive()
		if err != nil {
			return all
		}
		var r protocols.ReadStreamResponse
		if err := r.Unmarshal(resp.Payload); err != nil {
			c.t.Fatal(err)
		}
		all = append(all, r.Data...)
	}
}

// TestAnswerAfterTheEnd: a call whose peer has gone is answered all the same; its content goes back.
func TestAnswerAfterTheEnd(t *testing.T) {
	origin := &stream{parts: map[int64][]byte{}}
	calls := make(chan *Call, 1)
	_, path := serveMux(t, Options{Methods: []Method{async("ReadStdout", func(c *Call, _ *protocols.ReadStreamRequest) { calls <- c })}})
	c := dial(t, path)
	c.call(1, "ReadStdout", &protocols.ReadStreamRequest{})
	call := guard.Receive(t, "the call", calls)
	gone := make(chan struct{})
	call.OnCancel(func() bool { close(gone); return false }) // its answer is on its way
	c.nc.Close()
	guard.Receive(t, "the end of the connection", gone)
	call.ReplyBytesOf([]byte("late"), origin)
	if back := string(origin.back()); back != "late" || origin.kept != 0 {
		t.Errorf("%q came back, %d kept, want %q and none", back, origin.kept, "late")
	}
}
