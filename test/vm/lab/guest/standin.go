// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/vm/lab/mux"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// standIn mounts what an agent would and echoes.
func standIn() error {
	for _, m := range [][2]string{{"/proc", "proc"}, {"/sys", "sysfs"}, {"/dev", "devtmpfs"}, {"/run", "tmpfs"}} {
		if err := mountOn(m[0], m[1]); err != nil {
			return err
		}
	}
	go reap()
	l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, wire.EchoPort, nil)
	if err != nil {
		return fmt.Errorf("listen for echo: %w", err)
	}
	fmt.Println("lab: stand-in listens")
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go echo(conn)
	}
}

func echo(conn net.Conn) {
	defer conn.Close()
	io.Copy(conn, conn)
	if half, ok := conn.(mux.Duplex); ok {
		half.CloseWrite()
	}
}

// reap collects the orphans that fall to PID 1. It starts no process itself,
// so it takes nobody's child.
func reap() {
	for {
		if _, err := unix.Wait4(-1, nil, 0, nil); err == unix.ECHILD {
			time.Sleep(100 * time.Millisecond) // clock: how often it looks
		}
	}
}
