// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/containerd/ttrpc"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/test/guard"
)

type served struct {
	*Server
	path string
	done chan error
}

func serve(t *testing.T, ctx context.Context, o Options) served {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	return served{s, path, done}
}

// TestShutdown answers the calls in flight before the sockets close, waits for no read, and
// accepts nobody meanwhile.
func TestShutdown(t *testing.T) {
	before := runtime.NumGoroutine()
	entered, release := make(chan struct{}), make(chan struct{})
	parked := make(chan struct{})
	s := serve(t, context.Background(), Options{Methods: []Method{
		remove(func(context.Context, *protocols.RemoveContainerRequest) error {
			entered <- struct{}{}
			<-release
			return nil
		}),
		Async(protocols.AgentService, "ReadStdout", func(*frame.Call, *protocols.ReadStreamRequest) { close(parked) }),
	}})
	c := dial(t, s.path)
	var read, removed error
	var calls sync.WaitGroup
	calls.Go(func() { read = callAgent(c, "ReadStdout", &protocols.ReadStreamRequest{}) })
	calls.Go(func() { removed = callAgent(c, "RemoveContainer", &protocols.RemoveContainerRequest{}) })
	<-entered
	<-parked

	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(ctx) }()
	waitFor(t, "the listener to close", func() bool {
		nc, err := net.Dial("unix", s.path)
		if err == nil {
			nc.Close()
		}
		return err != nil
	})
	select {
	case err := <-down:
		t.Fatalf("shut down with a call in flight: %v", err)
	default:
	}
	close(release)
	if err := <-down; err != nil {
		t.Error(err)
	}
	if err := <-s.done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	calls.Wait()
	if removed != nil {
		t.Errorf("the call in flight: %v", removed)
	}
	if !errors.Is(read, ttrpc.ErrClosed) {
		t.Errorf("the read: %v, want %v", read, ttrpc.ErrClosed)
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("a second time: %v", err)
	}
	c.Close()
	waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestShutdownIsBounded gives up on a handler that hangs.
func TestShutdownIsBounded(t *testing.T) {
	entered := make(chan context.Context, 1)
	s := serve(t, context.Background(), Options{Methods: []Method{
		remove(func(ctx context.Context, _ *protocols.RemoveContainerRequest) error {
			entered <- ctx
			<-ctx.Done()
			return nil
		}),
	}})
	c := dial(t, s.path)
	go callAgent(c, "RemoveContainer", &protocols.RemoveContainerRequest{})
	hung := <-entered
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond) // clock: nothing else ends it
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v, want %v", err, context.DeadlineExceeded)
	}
	<-hung.Done()
	if err := <-s.done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestShutdownFromHandler is DestroySandbox: the call that ends the server gets its answer.
func TestShutdownFromHandler(t *testing.T) {
	down := make(chan struct{})
	s := serve(t, context.Background(), Options{Methods: []Method{
		remove(func(context.Context, *protocols.RemoveContainerRequest) error { close(down); return nil }),
	}})
	stopped := make(chan error, 1)
	go func() {
		<-down
		stopped <- s.Shutdown(context.Background())
	}()
	if err := callAgent(dial(t, s.path), "RemoveContainer", &protocols.RemoveContainerRequest{}); err != nil {
		t.Errorf("the last call: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	<-s.done
}

func TestServeEnds(t *testing.T) {
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		s := serve(t, ctx, Options{Methods: []Method{checkMethod}})
		c := dial(t, s.path)
		ping(t, c)
		cancel()
		if err := <-s.done; !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: %v, want %v", err, context.Canceled)
		}
	})
	t.Run("listener", func(t *testing.T) {
		s := serve(t, context.Background(), Options{Methods: []Method{checkMethod}})
		ping(t, dial(t, s.path))
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-s.done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Run("broken listener", func(t *testing.T) {
		s, err := New(Options{Methods: []Method{checkMethod}})
		if err != nil {
			t.Fatal(err)
		}
		broken := errors.New("broken")
		l := &listener{errs: []error{temporary{}, temporary{}, broken}}
		if err := s.Serve(context.Background(), l); !errors.Is(err, broken) {
			t.Errorf("Serve: %v, want %v", err, broken)
		}
		if err := s.Serve(context.Background(), l); err != nil {
			t.Errorf("Serve once stopped: %v", err)
		}
	})
}

// listener fails with one error after another.
type listener struct {
	net.Listener
	errs []error
}

func (l *listener) Accept() (net.Conn, error) {
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}
func (l *listener) Close() error { return nil }

type temporary struct{}

func (temporary) Error() string   { return "out of descriptors" }
func (temporary) Temporary() bool { return true }
