// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/containerd/ttrpc"
)

// StandIn is what the stand-ins have in common.
type StandIn struct {
	// Script says how it misbehaves.
	Script Script
	// Die ends it, when the script says so.
	Die func()
	// Called is told of each call, nil for nobody.
	Called func(method string)
}

// register adds a service whose methods follow the script.
func (s *StandIn) register(server *ttrpc.Server, service string, methods map[string]ttrpc.Method) {
	scripted := map[string]ttrpc.Method{}
	for name, serve := range methods {
		scripted[name] = func(ctx context.Context, unmarshal func(any) error) (any, error) {
			if s.Called != nil {
				s.Called(name)
			}
			if err := s.Script.call(ctx, name, s.Die); err != nil {
				return nil, err
			}
			return serve(ctx, unmarshal)
		}
	}
	server.RegisterService(service, &ttrpc.ServiceDesc{Methods: scripted})
}

// Listen makes the socket and its directory, in the place of one that is there. The file stays when the
// listener is closed.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l, nil
}

// Serve has a stand-in answer on a socket, in the test's own process, until stop or the end of the test.
// Its socket's file stays, as after a crash.
func Serve(tb testing.TB, path string, standIn interface{ Server() (*ttrpc.Server, error) }) (stop func()) {
	tb.Helper()
	s, err := standIn.Server()
	if err != nil {
		tb.Fatal(err)
	}
	listening, err := Listen(path)
	if err != nil {
		tb.Fatal(err)
	}
	l := &listener{Listener: listening}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), l) }()
	stop = func() {
		// Who has lost a connection must not find the socket still open, so that goes first.
		_ = l.Close()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			tb.Error(fmt.Errorf("stand-in on %s: %w", path, err))
		}
		done <- nil
		l.hangUp()
	}
	tb.Cleanup(stop)
	return stop
}

// listener knows its connections. The server's Close leaves those open on which a call is under way.
type listener struct {
	net.Listener
	mu    sync.Mutex
	conns []*net.UnixConn
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns = append(l.conns, conn.(*net.UnixConn))
	}
	return conn, err
}

// hangUp ends the connections for both sides: the server sees an end as if its client had gone.
func (l *listener) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.CloseRead()
		_ = conn.CloseWrite()
	}
}
