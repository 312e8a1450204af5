// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/vm/lab/mux"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// help serves the host until the VM ends.
func help() error {
	var plan wire.Plan
	in := os.NewFile(3, "plan")
	if err := json.NewDecoder(in).Decode(&plan); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	in.Close()
	commands, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, wire.CommandPort, nil)
	if err != nil {
		return fmt.Errorf("listen for commands: %w", err)
	}
	if !plan.Bridge {
		return serveCommands(commands, plan.Protected)
	}
	go serveCommands(commands, plan.Protected)
	return bridge(plan.HostPorts)
}

// bridge joins the host's streams to the vsock loopback: what listens on any
// vsock address in this VM is reached at CID 1.
func bridge(hostPorts []uint32) error {
	port := os.NewFile(4, wire.PortName)
	session := mux.New(port, mux.Guest, func(p uint32) (net.Conn, uint32, error) {
		conn, err := vsock.Dial(unix.VMADDR_CID_LOCAL, p, nil)
		if err != nil {
			return nil, 0, err
		}
		return conn, conn.LocalAddr().(*vsock.Addr).Port, nil
	})
	for _, p := range hostPorts {
		// Without a vsock device the kernel takes CID 2, the host, to the
		// loopback too, so a listener here plays the host's.
		l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, p, nil)
		if err != nil {
			return fmt.Errorf("listen on host port %d: %w", p, err)
		}
		go forward(session, l, p)
	}
	return session.Serve()
}

func forward(session *mux.Session, l net.Listener, port uint32) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			stream, err := session.Open(context.Background(), port)
			if err != nil {
				conn.Close()
				return
			}
			mux.Join(stream, conn)
		}()
	}
}
