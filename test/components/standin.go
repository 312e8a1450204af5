// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/ttrpc"
)

// StandIn is what the stand-ins have in common.
type StandIn struct {
	// Script says how it misbehaves.
	Script Script
	// Die ends it; nil closes its connections and its socket's file stays, as after a crash.
	Die func()
	// Called is told of each call, nil for nobody.
	Called func(method string)

	server *ttrpc.Server
}

func (s *StandIn) die() {
	if s.Die != nil {
		s.Die()
		return
	}
	_ = s.server.Close()
}

// register adds a service whose methods follow the script.
func (s *StandIn) register(server *ttrpc.Server, service string, methods map[string]ttrpc.Method) {
	scripted := map[string]ttrpc.Method{}
	for name, serve := range methods {
		scripted[name] = func(ctx context.Context, unmarshal func(any) error) (any, error) {
			if s.Called != nil {
				s.Called(name)
			}
			if err := s.Script.call(ctx, name, s.die); err != nil {
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
func Serve(tb testing.TB, path string, standIn interface{ Server() (*ttrpc.Server, error) }) (stop func()) {
	tb.Helper()
	s, err := standIn.Server()
	if err != nil {
		tb.Fatal(err)
	}
	l, err := Listen(path)
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), l) }()
	stop = func() {
		_ = s.Close()
		if err := <-done; err != nil && !errors.Is(err, ttrpc.ErrServerClosed) {
			tb.Error(fmt.Errorf("stand-in on %s: %w", path, err))
		}
		done <- nil
	}
	tb.Cleanup(stop)
	return stop
}
