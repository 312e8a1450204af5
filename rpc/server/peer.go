// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/mdlayher/vsock"
)

// PortAddress is where an agent that serves address has another port of its own. In a guest that
// is a vsock port. An agent on a unix socket has no ports: in their place it has sockets beside
// its own, `<path>_<port>`, which is how Firecracker names the ports of its guests.
func PortAddress(address string, port uint32) string {
	if strings.HasPrefix(address, "unix://") {
		return fmt.Sprintf("%s_%d", address, port)
	}
	return fmt.Sprintf("vsock://-1:%d", port)
}

// PeerPort is the port that the other side of a connection has. A unix socket's is the number
// behind the last underscore of the name that the other side has bound its socket to.
func PeerPort(conn net.Conn) (port uint32, ok bool) {
	switch peer := conn.RemoteAddr().(type) {
	case *vsock.Addr:
		return peer.Port, true
	case *net.UnixAddr:
		n, err := strconv.ParseUint(peer.Name[strings.LastIndexByte(peer.Name, '_')+1:], 10, 32)
		if err == nil {
			return uint32(n), true
		}
	}
	return 0, false
}
