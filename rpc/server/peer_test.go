// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"testing"

	"github.com/mdlayher/vsock"
)

type connOf struct {
	net.Conn
	addr net.Addr
}

func (p connOf) RemoteAddr() net.Addr { return p.addr }

func TestPeerPort(t *testing.T) {
	for _, tc := range []struct {
		addr net.Addr
		port uint32
		ok   bool
	}{
		{&vsock.Addr{ContextID: 2, Port: 4294967294}, 4294967294, true},
		{&net.UnixAddr{Name: "@stream_40001"}, 40001, true},
		{&net.UnixAddr{Name: "/run/a_b/s_7"}, 7, true},
		{&net.UnixAddr{}, 0, false},
		{&net.UnixAddr{Name: "@"}, 0, false},
		{&net.UnixAddr{Name: "/run/s_4294967296"}, 0, false},
		{&net.TCPAddr{Port: 80}, 0, false},
	} {
		if port, ok := PeerPort(connOf{addr: tc.addr}); port != tc.port || ok != tc.ok {
			t.Errorf("%v: port %d, %t; want %d, %t", tc.addr, port, ok, tc.port, tc.ok)
		}
	}
}

func TestPortAddress(t *testing.T) {
	for address, want := range map[string]string{
		"vsock://-1:1024":        "vsock://-1:1027",
		"unix:///run/agent.sock": "unix:///run/agent.sock_1027",
	} {
		if got := PortAddress(address, 1027); got != want {
			t.Errorf("port 1027 of %s is at %s, want %s", address, got, want)
		}
	}
}
