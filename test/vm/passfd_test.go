// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

const (
	// passedPort is what runtime-rs has the agent listen on for passed streams.
	passedPort = 1027
	// passedSessions run at once, with two passed streams each.
	passedSessions = 500
)

// pass connects a stream, as a VMM does for a host, and returns the port it has for the guest.
func pass(ctx context.Context, vm *lab.VM) (net.Conn, uint32, error) {
	conn, port, err := vm.DialNamed(ctx, passedPort)
	if err == nil {
		conn.SetDeadline(time.Now().Add(10 * guard)) // many wait for each other's turn
	}
	return conn, port, err
}

// TestPassedStreams passes streams by vsock: much output, a reader that has gone, and many
// sessions at once.
func TestPassedStreams(t *testing.T) {
	vm, agent := bootPod(t, lab.Options{CgroupV2: true, KernelArgs: []string{fmt.Sprintf("agent.passfd_listener_port=%d", passedPort)}})
	c := agent.RunSleeper(t, "passed")
	ctx, cancel := context.WithTimeout(t.Context(), 10*guard)
	defer cancel()

	t.Run("bytes", func(t *testing.T) {
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
		got, status, err := passedCat(ctx, vm, agent, c, "bytes", data)
		if err != nil || status != 0 || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, status %d, %v; want the %d that were sent", len(got), status, err, len(data))
		}
	})
	t.Run("reader gone", func(t *testing.T) {
		conn, port, err := pass(ctx, vm)
		if err != nil {
			t.Fatal(err)
		}
		agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{
			ContainerId: c.ID, ExecId: "yes", Process: host.Process("yes"), StdoutPort: port,
		})
		if _, err := io.ReadFull(conn, make([]byte, 2)); err != nil {
			t.Error(err)
		}
		conn.Close()
		if status := c.Wait(t, "yes"); status != 128+int32(syscall.SIGPIPE) {
			t.Errorf("status %d; want that of SIGPIPE: the host's end of stdout was closed", status)
		}
	})
	t.Run("many", func(t *testing.T) {
		start := time.Now()
		var all sync.WaitGroup
		for i := range passedSessions {
			all.Go(func() {
				want := fmt.Sprint("session ", i)
				got, status, err := passedCat(ctx, vm, agent, c, fmt.Sprint("many", i), []byte(want))
				if err != nil || status != 0 || string(got) != want {
					t.Errorf("%s: %q, status %d, %v", want, got, status, err)
				}
			})
		}
		all.Wait()
		t.Logf("%d sessions at once: %v", passedSessions, time.Since(start).Round(time.Millisecond)) // clock: a figure
	})
	c.Kill(t, syscall.SIGKILL)
	c.Remove(t)
	agent.DestroySandbox(t)
}

// passedCat runs cat with data as its input and returns its output, both passed.
func passedCat(ctx context.Context, vm *lab.VM, agent *host.Agent, c *host.Container, id string, data []byte) ([]byte, int32, error) {
	stdin, in, err := pass(ctx, vm)
	if err != nil {
		return nil, 0, err
	}
	defer stdin.Close()
	stdout, out, err := pass(ctx, vm)
	if err != nil {
		return nil, 0, err
	}
	defer stdout.Close()
	_, err = agent.Try(ctx, "ExecProcess", &protocols.ExecProcessRequest{
		ContainerId: c.ID, ExecId: id, Process: host.Process("cat"), StdinPort: in, StdoutPort: out,
	})
	if err != nil {
		return nil, 0, err
	}
	go func() { _, _ = stdin.Write(data); stdin.Close() }()
	got, err := io.ReadAll(stdout)
	if err != nil {
		return got, 0, err
	}
	r, err := agent.Try(ctx, "WaitProcess", &protocols.WaitProcessRequest{ContainerId: c.ID, ExecId: id})
	if err != nil {
		return got, 0, err
	}
	return got, r.(*protocols.WaitProcessResponse).Status, nil
}
