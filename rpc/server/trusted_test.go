// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/guest/sys/peer"
)

// TestOwnPeers has a stranger connect a few times, and then this program.
func TestOwnPeers(t *testing.T) {
	if name := os.Getenv("OWN_PEERS_SOCKET"); name != "" {
		connectUntilClosed(t, name)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	name := fmt.Sprintf("@own-peers-%d", os.Getpid())
	socket, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	var refused []error
	l := OwnPeers(socket, func(err error) { refused = append(refused, err) })
	defer l.Close()
	accepted := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, err = conn.Write([]byte("own"))
			conn.Close()
		}
		accepted <- err
	}()
	stranger := exec.Command("/proc/self/exe", "-test.run=^TestOwnPeers$")
	stranger.Env = append(os.Environ(), "OWN_PEERS_SOCKET="+name, "GORACE=atexit_sleep_ms=0")
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4321, Gid: 4321}}
	if out, err := stranger.CombinedOutput(); err != nil {
		t.Errorf("a stranger: %v, want only closed connections\n%s", err, out)
	}
	own, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if n, err := own.Read(make([]byte, 8)); n != 3 {
		t.Errorf("the own user: %d bytes, %v; want an open connection", n, err)
	}
	if err := <-accepted; err != nil {
		t.Error(err)
	}
	if len(refused) != 1 || !errors.Is(refused[0], peer.ErrForeign) {
		t.Errorf("reported: %v, want the first refusal only", refused)
	}
}

// connectUntilClosed is the stranger.
func connectUntilClosed(t *testing.T, name string) {
	for range 3 {
		conn, err := net.Dial("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := conn.Read(make([]byte, 8)); n != 0 {
			t.Error("the connection was accepted")
		}
		conn.Close()
	}
}
