// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"testing"

	"github.com/mdlayher/vsock"
)

// ends is a connection that knows only its addresses, and whether it was closed.
type ends struct {
	net.Conn
	local, remote net.Addr
	closed        *bool
}

func (p ends) LocalAddr() net.Addr  { return p.local }
func (p ends) RemoteAddr() net.Addr { return p.remote }
func (p ends) Close() error         { *p.closed = true; return nil }

// queue gives out connections.
type queue struct {
	net.Listener
	conns []net.Conn
}

func (q *queue) Accept() (net.Conn, error) {
	c := q.conns[0]
	q.conns = q.conns[1:]
	return c, nil
}

func TestHostOnly(t *testing.T) {
	const guest = 42
	at := func(cid uint32) net.Addr { return &vsock.Addr{ContextID: cid, Port: 1024} }
	for name, tc := range map[string]struct {
		local, remote net.Addr
		refused       bool
	}{
		"host":          {at(guest), at(vsock.Host), false},
		"loopback":      {at(vsock.Local), at(vsock.Local), true},
		"own address":   {at(guest), at(guest), true},
		"another guest": {at(guest), at(guest + 1), false}, // the kernel routes none; not ours to judge
		"a unix socket": {&net.UnixAddr{}, &net.UnixAddr{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var closed, closedLast bool
			first := ends{local: tc.local, remote: tc.remote, closed: &closed}
			last := ends{local: at(guest), remote: at(vsock.Host), closed: &closedLast}
			got, err := HostOnly(&queue{conns: []net.Conn{first, last}}).Accept()
			if err != nil {
				t.Fatal(err)
			}
			if want := net.Conn(first); tc.refused {
				want = last
				if got != want || !closed {
					t.Errorf("accepted, closed %v", closed)
				}
			} else if got != want || closed {
				t.Errorf("refused, closed %v", closed)
			}
		})
	}
}
