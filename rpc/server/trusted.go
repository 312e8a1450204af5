// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"sync"

	"github.com/kata-containers/kata-agent/guest/sys/peer"
)

// OwnPeers refuses connections over unix sockets but those of root and of the agent's own user, in
// the agent's own user and pid namespaces ([peer.Trusted]): the containers of a pod share the
// agent's network namespace, and reach a name in the abstract namespace. report is told of the first
// refusal, and may be nil. Other kinds of socket are not affected.
func OwnPeers(l net.Listener, report func(error)) net.Listener {
	return &ownPeers{Listener: l, report: report}
}

type ownPeers struct {
	net.Listener
	report func(error)
	once   sync.Once
}

// Accept returns the next connection of somebody who may connect.
func (l *ownPeers) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return conn, err
		}
		unix, ok := conn.(*net.UnixConn)
		if !ok {
			return conn, nil
		}
		if err = peer.Trusted(unix, "/proc"); err == nil {
			return conn, nil
		}
		conn.Close()
		if l.report != nil {
			l.once.Do(func() { l.report(err) }) // a container that goes on trying must not fill the log
		}
	}
}
