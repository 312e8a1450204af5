// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/rpc/frame"
)

// settleTime is how long a connection outlives the answers its peer has read.
const settleTime = 100 * time.Millisecond

// Shutdown stops accepting and reading, waits until the calls in flight are answered and the
// answers have been read, and a moment longer (frame.Conn.Linger), then closes the connections, at
// the latest when ctx ends. It returns ctx's error if calls have had no answer by then. Async calls that
// wait are canceled without an answer. It returns when all connections have been closed; Serve
// returns after it.
func (s *Server) Shutdown(ctx context.Context) error {
	conns := s.stop()
	var wg sync.WaitGroup
	errs := make(chan error, len(conns))
	for _, c := range conns {
		wg.Go(func() {
			if err := c.Drain(ctx); err != nil {
				errs <- err
			}
			c.Linger(ctx, settleTime)
			c.Close()
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// stop closes the listeners and returns the connections there are; no more will come.
func (s *Server) stop() []*frame.Conn {
	s.mu.Lock()
	s.stopping = true
	conns := make([]*frame.Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	s.closeListeners()
	return conns
}

// cut closes all connections.
func (s *Server) cut() {
	for _, c := range s.stop() {
		c.Close()
	}
}

func (s *Server) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// add enters a listener, unless the server is stopping.
func (s *Server) add(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		_ = l.Close() // nothing is lost with a listener
		delete(s.listeners, l)
	}
}
