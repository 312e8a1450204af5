// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/lab/mux"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// bridge carries vsock over a virtio-serial port to the loopback transport in
// the guest. The agent sees true vsock sockets; only the CID is the local one.
type bridge struct {
	session  *mux.Session
	listener net.Listener
	running  sync.WaitGroup
}

// Bridge is the way that needs nothing but QEMU.
func Bridge() Vsock { return &bridge{} }

func (*bridge) String() string { return "virtio-serial bridge" }
func (*bridge) bridged() bool  { return true }

// modules leave out the virtio transport: loaded, it would take CID 2 for its
// own even without a device, and the guest could not dial the host.
func (*bridge) modules() []string { return []string{"virtio_console", "vsock_loopback"} }

// kernelArgs: the bridge's end in the guest dials by loopback, which an agent
// takes no orders from unless told to.
func (*bridge) kernelArgs() []string { return []string{"agent.vsock_local=true"} }

func (b *bridge) start(vm *VM, m *machine) error {
	ours, theirs, err := socketpair()
	if err != nil {
		return err
	}
	fd := m.pass(theirs)
	m.arg("-chardev", fmt.Sprintf("socket,id=mux,fd=%d", fd))
	m.arg("-device", "virtio-serial-pci,id=serial0,bus=pcie.0,addr=4")
	m.arg("-device", "virtserialport,bus=serial0.0,chardev=mux,name="+wire.PortName)

	b.session = mux.New(ours, mux.Host, func(port uint32) (net.Conn, uint32, error) {
		conn, err := net.Dial("unix", vm.HostPortPath(port))
		return conn, 0, err
	})
	if vm.image != nil {
		b.session.Skip(vm.image.next())
	}
	b.running.Go(func() { b.session.Serve() })
	if b.listener, err = net.Listen("unix", vm.vsockPath); err != nil {
		return err
	}
	b.running.Go(b.accept)
	return nil
}

func (b *bridge) stop() {
	if b.session != nil {
		b.session.Close()
	}
	if b.listener != nil {
		b.listener.Close()
	}
	b.running.Wait()
}

func (b *bridge) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		go b.connect(conn)
	}
}

// connect answers one "CONNECT <port>" in either case of letters. A refusal
// is the end of the connection without a word, as VMMs have it.
func (b *bridge) connect(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(guard.Hang))
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	if err != nil {
		conn.Close()
		return
	}
	port, err := parseConnect(line)
	if err != nil {
		conn.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	stream, err := b.session.Open(ctx, port)
	if err != nil {
		conn.Close()
		return
	}
	conn.SetDeadline(time.Time{})
	fmt.Fprintf(conn, "OK %d\n", stream.From())
	mux.Join(&handshaken{conn.(*net.UnixConn), in}, stream)
}

func parseConnect(line string) (uint32, error) {
	verb, port, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if !ok || !strings.EqualFold(verb, "connect") {
		return 0, errors.New("not a CONNECT line")
	}
	n, err := strconv.ParseUint(port, 10, 32)
	return uint32(n), err
}

// handshaken is a connection whose first bytes are in a reader already. The
// connection is no embedded field: its own WriteTo would pass over the reader.
type handshaken struct {
	conn *net.UnixConn
	in   *bufio.Reader
}

func (h *handshaken) Read(p []byte) (int, error)  { return h.in.Read(p) }
func (h *handshaken) Write(p []byte) (int, error) { return h.conn.Write(p) }
func (h *handshaken) CloseWrite() error           { return h.conn.CloseWrite() }
func (h *handshaken) Close() error                { return h.conn.Close() }
