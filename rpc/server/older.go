// SPDX-License-Identifier: Apache-2.0

package server

import (
	"time"

	"github.com/kata-containers/kata-agent/rpc/frame"
)

// CloseOlder closes the connections that were accepted more than age ago, and asks the peers of the
// others for a sign of life (frame.Conn.Probe): of those it is not known whether they are older than
// what they should be older than. It does not block.
func (s *Server) CloseOlder(age time.Duration) (closed, asked int) {
	for c, since := range s.connections() {
		if time.Since(since) > age {
			c.Close()
			closed++
		} else {
			c.Probe()
			asked++
		}
	}
	return closed, asked
}

// Probe asks all peers for a sign of life. A connection whose peer is gone without a word ends. It does
// not block.
func (s *Server) Probe() {
	for c := range s.connections() {
		c.Probe()
	}
}

// connections returns those there are, and since when.
func (s *Server) connections() map[*frame.Conn]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make(map[*frame.Conn]time.Time, len(s.conns))
	for c, since := range s.conns {
		conns[c] = since
	}
	return conns
}
