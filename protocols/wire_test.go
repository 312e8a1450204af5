// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"testing"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func TestWireMarshals(t *testing.T) {
	m := &protocols.Spec{Version: "1", Annotations: map[string]string{"b": "2", "a": "1"}}
	want, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	w := protocols.Wire(m)
	got, err := proto.Marshal(w)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Marshal: %x, error %v, want %x", got, err, want)
	}
	got, err = proto.MarshalOptions{Deterministic: true}.Marshal(w)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("deterministic: %x, error %v", got, err)
	}
	if n := proto.Size(w); n != len(want) {
		t.Errorf("size %d, want %d", n, len(want))
	}
	for _, room := range []int{0, 3, 1000} {
		prefix := append(make([]byte, 0, 2+room), "ab"...)
		got, err = proto.MarshalOptions{}.MarshalAppend(prefix, w)
		if err != nil || !bytes.Equal(got, append([]byte("ab"), want...)) {
			t.Errorf("append with room for %d: %x, error %v", room, got, err)
		}
	}
	if got, err = proto.Marshal(protocols.Wire(&protocols.Empty{})); err != nil || len(got) != 0 || got == nil {
		t.Errorf("Empty: %v, error %v, want an empty slice", got, err)
	}
}

func TestWireUnmarshals(t *testing.T) {
	m := &protocols.WaitProcessRequest{ContainerId: "old", ExecId: "old"}
	w := protocols.Wire(m)
	if err := proto.Unmarshal([]byte{0x0a, 1, 'c'}, w); err != nil {
		t.Fatal(err)
	}
	if m.ContainerId != "c" || m.ExecId != "" {
		t.Errorf("got %v: what was there before must go", m)
	}
	if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal([]byte{0x12, 1, 'e'}, w); err != nil {
		t.Fatal(err)
	}
	if m.ContainerId != "c" || m.ExecId != "e" {
		t.Errorf("got %v: merging must keep what is there", m)
	}
	if err := proto.Unmarshal([]byte{0x0a, 9}, w); err == nil {
		t.Error("cut message accepted")
	}
	proto.Reset(w)
	if m.Size() != 0 {
		t.Errorf("not reset: %v", m)
	}
}

// One object each for the wrapper and the bytes: nothing heavy hides in the adapter.
func TestWireAllocations(t *testing.T) {
	m := &protocols.ReadStreamResponse{Data: make([]byte, 1024)}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := proto.Marshal(protocols.Wire(m)); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("%v allocations to marshal, want 2", n)
	}
}

// ttRPC itself, client and server, over a socket pair.
func TestWireOverTTRPC(t *testing.T) {
	client := ttrpcPair(t, map[string]ttrpc.Method{
		"WaitProcess": func(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
			var req protocols.WaitProcessRequest
			if err := unmarshal(protocols.Wire(&req)); err != nil {
				return nil, err
			}
			if req.ContainerId != "c" {
				return nil, status.Errorf(codes.NotFound, "no container %q", req.ContainerId)
			}
			return protocols.Wire(&protocols.WaitProcessResponse{Status: 137}), nil
		},
		"PauseContainer": func(context.Context, func(interface{}) error) (interface{}, error) {
			return protocols.Wire(&protocols.Empty{}), nil
		},
	})
	ctx := guard.Context(t)

	var resp protocols.WaitProcessResponse
	call := func(method string, req, resp protocols.Message) error {
		return client.Call(ctx, protocols.AgentService, method, protocols.Wire(req), protocols.Wire(resp))
	}
	if err := call("WaitProcess", &protocols.WaitProcessRequest{ContainerId: "c"}, &resp); err != nil || resp.Status != 137 {
		t.Errorf("status %d, error %v", resp.Status, err)
	}
	err := call("WaitProcess", &protocols.WaitProcessRequest{ContainerId: "d"}, &resp)
	if status.Code(err) != codes.NotFound {
		t.Errorf("error %v, want NotFound", err)
	}
	if err := call("PauseContainer", &protocols.PauseContainerRequest{ContainerId: "c"}, &protocols.Empty{}); err != nil {
		t.Error(err)
	}
}

// ttrpcPair serves methods as the agent's service on one end of a socket pair and returns a client on
// the other. Both end with the test.
func ttrpcPair(t testing.TB, methods map[string]ttrpc.Method) *ttrpc.Client {
	t.Helper()
	a, b := socketPair(t)
	server, err := ttrpc.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	server.RegisterService(protocols.AgentService, &ttrpc.ServiceDesc{Methods: methods})
	l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- a
	done := make(chan error, 1)
	go func() { done <- server.Serve(context.Background(), l) }()
	client := ttrpc.NewClient(b)
	t.Cleanup(func() {
		client.Close()
		server.Close()
		if err := <-done; !errors.Is(err, ttrpc.ErrServerClosed) {
			t.Errorf("serve: %v, want %v", err, ttrpc.ErrServerClosed)
		}
	})
	return client
}

func socketPair(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		conns[i], err = net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return conns[0], conns[1]
}

// oneConn is a listener that has one connection to give.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "pair", Net: "unix"} }
