// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"bytes"
	"io"
	"net"
	"sync"
)

// Stream is one connection inside a session. Read, Write and Close may be
// called from different goroutines.
type Stream struct {
	session *Session
	id      uint32
	opened  chan error
	from    uint32 // set before opened has its answer

	mu      sync.Mutex
	change  *sync.Cond
	inbox   bytes.Buffer
	credit  int
	err     error // both directions are broken
	readEOF bool  // the other end sent fin
	finSent bool
}

func newStream(s *Session, id uint32) *Stream {
	// One answer and one abort may both arrive unread.
	st := &Stream{session: s, id: id, opened: make(chan error, 2), credit: window}
	st.change = sync.NewCond(&st.mu)
	return st
}

// From is the port the other end's dialer used, once Open has returned.
func (st *Stream) From() uint32 { return st.from }

// Read returns what has arrived, io.EOF after the other end's CloseWrite.
func (st *Stream) Read(p []byte) (int, error) {
	st.mu.Lock()
	for st.inbox.Len() == 0 && st.err == nil && !st.readEOF {
		st.change.Wait()
	}
	if st.inbox.Len() == 0 {
		defer st.mu.Unlock()
		// The end was told before anything broke: it stays an end.
		if st.readEOF {
			return 0, io.EOF
		}
		return 0, st.err
	}
	n, _ := st.inbox.Read(p)
	st.mu.Unlock()
	return n, st.session.send(frame{kindCredit, st.id, uint32Payload(uint32(n))})
}

// Write sends p, waiting for credit where the other end does not read.
func (st *Stream) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		n, err := st.reserve(min(len(p)-sent, maxPayload))
		if err != nil {
			return sent, err
		}
		if err := st.session.send(frame{kindData, st.id, p[sent : sent+n]}); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// reserve takes up to want bytes of credit.
func (st *Stream) reserve(want int) (int, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for st.credit == 0 && st.err == nil {
		st.change.Wait()
	}
	switch {
	case st.err != nil:
		return 0, st.err
	case st.finSent:
		return 0, net.ErrClosed
	}
	n := min(want, st.credit)
	st.credit -= n
	return n, nil
}

// CloseWrite ends this direction; the other goes on.
func (st *Stream) CloseWrite() error {
	st.mu.Lock()
	done := st.finSent || st.err != nil
	st.finSent = true
	st.mu.Unlock()
	if done {
		return nil
	}
	return st.session.send(frame{kind: kindFin, stream: st.id})
}

// Close ends both directions. The other end still reads what was written when
// this end had closed its direction before, and may lose it otherwise.
func (st *Stream) Close() error {
	st.session.forget(st.id)
	st.mu.Lock()
	ended := st.readEOF && st.finSent
	st.mu.Unlock()
	if !st.abort(net.ErrClosed) || ended {
		return nil
	}
	return st.session.send(frame{kind: kindReset, stream: st.id})
}

func (st *Stream) deliver(p []byte) {
	st.mu.Lock()
	st.inbox.Write(p)
	st.change.Broadcast()
	st.mu.Unlock()
}

func (st *Stream) grant(n int) {
	st.mu.Lock()
	st.credit += n
	st.change.Broadcast()
	st.mu.Unlock()
}

func (st *Stream) finish() {
	st.mu.Lock()
	st.readEOF = true
	st.change.Broadcast()
	st.mu.Unlock()
}

// abort breaks the stream and reports whether it was whole before.
func (st *Stream) abort(cause error) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.err != nil {
		return false
	}
	st.err = cause
	st.change.Broadcast()
	select {
	case st.opened <- cause:
	default:
	}
	return true
}
