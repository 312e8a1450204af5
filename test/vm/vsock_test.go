// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// TestVsockDevice is a pod over a true virtio vsock device.
func TestVsockDevice(t *testing.T) {
	tool := lab.FindVhostDevice()
	if tool == "" {
		t.Skip("vhost-device-vsock is not installed; the other tests use the bridge")
	}
	vm, agent := bootPod(t, lab.Options{CgroupV2: true, Vsock: lab.VhostDevice(tool)})
	c := agent.RunSleeper(t, "c1")
	if out := c.Exec(t, "seq", "1", "20000"); !strings.HasSuffix(out.Stdout, "19999\n20000\n") || out.Status != 0 {
		t.Errorf("%d bytes came, status %d", len(out.Stdout), out.Status)
	}
	t.Run("no orders from the guest itself", func(t *testing.T) {
		for _, cid := range []string{"1", "4"} { // loopback, and the VM's own address
			if got := vm.Shell(t, wire.GuestPath+" probe "+cid+" 1024"); got != "closed" {
				t.Errorf("the agent's port by CID %s is %s", cid, got)
			}
		}
	})
	agent.DestroySandbox(t)
}

// TestSideChannels are the other ports a host dials: console, log and a second
// connection for calls.
func TestSideChannels(t *testing.T) {
	const consolePort, logPort = 1026, 1025
	vm, agent := bootPod(t, lab.Options{CgroupV2: true, KernelArgs: []string{
		"agent.debug_console", fmt.Sprintf("agent.debug_console_vport=%d", consolePort), fmt.Sprintf("agent.log_vport=%d", logPort),
	}})
	t.Run("debug console", func(t *testing.T) {
		conn := dialSide(t, vm, consolePort)
		fmt.Fprint(conn, "stty -echo; PS1=\necho pid $((40+2)) $(tty)\n")
		waitForLine(t, bufio.NewReader(conn), "pid 42 /dev/pts/")
	})
	t.Run("log", func(t *testing.T) {
		conn := dialSide(t, vm, logPort)
		agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{})
		waitForLine(t, bufio.NewReader(conn), "GetGuestDetails")
	})
	t.Run("second connection", func(t *testing.T) {
		second := host.Connect(t, vm)
		c := agent.RunSleeper(t, "c1")
		if got := second.Container(c.ID).Shell(t, "echo shared"); got != "shared" {
			t.Errorf("exec by the second connection wrote %q", got)
		}
	})
}

// dialSide connects to a port that is up when the agent answers, or soon.
func dialSide(t *testing.T, vm *lab.VM, port uint32) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	conn, err := vm.DialWhenUp(ctx, port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(guard))
	return conn
}

func waitForLine(t *testing.T, in *bufio.Reader, want string) {
	t.Helper()
	var all strings.Builder
	for {
		line, err := in.ReadString('\n')
		all.WriteString(line)
		if strings.Contains(line, want) {
			return
		}
		if err != nil {
			t.Fatalf("%v; no %q in\n%s", err, want, all.String())
		}
	}
}
