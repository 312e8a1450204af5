// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// ErrRefused says that nothing listens on the port at the other end.
var ErrRefused = errors.New("connection refused")

// ErrClosed says that the pipe under the session is gone.
var ErrClosed = errors.New("mux session closed")

// Role tells the two ends apart, so that both can choose stream ids freely.
type Role uint32

const (
	// Host opens streams with even ids.
	Host Role = 0
	// Guest opens streams with odd ids.
	Guest Role = 1
)

// Dialer connects an incoming stream to a port on this side. It also returns
// the port it dialled from, which the other end may want to name later; 0 if
// there is none.
type Dialer func(port uint32) (conn net.Conn, from uint32, err error)

// Session is one end of the pipe.
type Session struct {
	pipe io.ReadWriteCloser
	dial Dialer

	writing sync.Mutex // one frame at a time on the pipe

	mu      sync.Mutex
	next    uint32
	streams map[uint32]*Stream
	closed  bool
}

// New makes a session over pipe. dial connects a stream that the other end
// opens to its destination; nil refuses all. The caller runs Serve.
func New(pipe io.ReadWriteCloser, role Role, dial Dialer) *Session {
	return &Session{pipe: pipe, dial: dial, next: uint32(role), streams: map[uint32]*Stream{}}
}

// Skip has the streams that are opened from now on begin at a later id: those before belong to a session
// that the other end does not know to be gone.
func (s *Session) Skip(streams uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next += 2 * streams
}

// Serve moves frames until the pipe ends, then breaks every stream.
func (s *Session) Serve() error {
	defer s.Close()
	r := bufio.NewReaderSize(s.pipe, 4*maxPayload)
	for {
		f, err := readFrame(r)
		if err != nil {
			return err
		}
		s.dispatch(f)
	}
}

// Close ends the pipe and every stream on it.
func (s *Session) Close() error {
	s.mu.Lock()
	s.closed = true
	streams := s.streams
	s.streams = map[uint32]*Stream{}
	s.mu.Unlock()
	for _, st := range streams {
		st.abort(ErrClosed)
	}
	return s.pipe.Close()
}

// Open connects a stream to a port at the other end.
func (s *Session) Open(ctx context.Context, port uint32) (*Stream, error) {
	st := s.register()
	if st == nil {
		return nil, ErrClosed
	}
	if err := s.send(frame{kindOpen, st.id, uint32Payload(port)}); err != nil {
		st.abort(err)
		return nil, err
	}
	select {
	case err := <-st.opened:
		if err != nil {
			s.forget(st.id)
			return nil, err
		}
		return st, nil
	case <-ctx.Done():
		st.Close()
		return nil, ctx.Err()
	}
}

func (s *Session) register() *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.next += 2
	st := newStream(s, s.next)
	s.streams[st.id] = st
	return st
}

func (s *Session) stream(id uint32) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[id]
}

func (s *Session) forget(id uint32) {
	s.mu.Lock()
	delete(s.streams, id)
	s.mu.Unlock()
}

func (s *Session) send(f frame) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return writeFrame(s.pipe, f)
}

func (s *Session) dispatch(f frame) {
	if f.kind == kindOpen {
		s.admit(f)
		return
	}
	st := s.stream(f.stream)
	if st == nil {
		return // closed here while the frame was on its way
	}
	switch f.kind {
	case kindAccept:
		st.from = f.number()
		st.opened <- nil
	case kindRefuse:
		s.forget(st.id)
		st.opened <- ErrRefused
	case kindData:
		st.deliver(f.payload)
	case kindCredit:
		st.grant(int(f.number()))
	case kindFin:
		st.finish()
	case kindReset:
		s.forget(st.id)
		st.abort(net.ErrClosed)
	}
}

// admit connects an incoming stream off the read loop: the dial may block.
func (s *Session) admit(f frame) {
	st := newStream(s, f.stream)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.streams[st.id] = st
	s.mu.Unlock()
	go func() {
		conn, from, err := s.connect(f.number())
		if err != nil {
			s.forget(st.id)
			s.send(frame{kind: kindRefuse, stream: st.id})
			return
		}
		s.send(frame{kindAccept, st.id, uint32Payload(from)})
		Join(st, conn)
	}()
}

func (s *Session) connect(port uint32) (net.Conn, uint32, error) {
	if s.dial == nil {
		return nil, 0, ErrRefused
	}
	return s.dial(port)
}
