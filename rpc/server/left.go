// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net"
	"os"

	"github.com/mdlayher/socket"
	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"
)

// ConnOf makes a connection of a connected stream socket, over vsock or a unix socket. It takes the
// descriptor over, also when it fails.
func ConnOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close()
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, fmt.Errorf("connection of an agent before: %w", err)
	}
	if _, ok := name.(*unix.SockaddrVM); !ok {
		return net.FileConn(f)
	}
	peer, err := unix.Getpeername(fd)
	if err != nil {
		return nil, fmt.Errorf("connection of an agent before: %w", err)
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("connection of an agent before: %w", err)
	}
	c, err := socket.New(own, "vsock")
	if err != nil {
		return nil, fmt.Errorf("connection of an agent before: %w", err)
	}
	return &vsockConn{c, vsockAddr(name), vsockAddr(peer)}, nil
}

// vsockConn is what vsock.Listener.Accept returns, for a descriptor that came another way.
type vsockConn struct {
	*socket.Conn
	local, remote *vsock.Addr
}

func (c *vsockConn) LocalAddr() net.Addr  { return c.local }
func (c *vsockConn) RemoteAddr() net.Addr { return c.remote }

func vsockAddr(a unix.Sockaddr) *vsock.Addr {
	vm, _ := a.(*unix.SockaddrVM)
	if vm == nil {
		return &vsock.Addr{}
	}
	return &vsock.Addr{ContextID: vm.CID, Port: vm.Port}
}
