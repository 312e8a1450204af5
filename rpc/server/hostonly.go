// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"

	"github.com/mdlayher/vsock"
)

// HostOnly refuses vsock connections that come from inside the guest. The API has no
// authentication: whoever connects gives the agent orders, and a guest whose kernel has
// vsock_loopback would let a container do so. Other kinds of socket are not affected.
func HostOnly(l net.Listener) net.Listener { return hostOnly{l} }

type hostOnly struct{ net.Listener }

// Accept returns the next connection of the host.
func (l hostOnly) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !fromGuest(conn.LocalAddr(), conn.RemoteAddr()) {
			return conn, err
		}
		conn.Close()
	}
}

// fromGuest tells whether a vsock peer is the guest itself: it comes by the loopback
// address, or by the guest's own (vsock(7)).
func fromGuest(local, remote net.Addr) bool {
	us, ok := local.(*vsock.Addr)
	if !ok {
		return false
	}
	peer, ok := remote.(*vsock.Addr)
	return ok && (peer.ContextID == vsock.Local || peer.ContextID == us.ContextID)
}
