// SPDX-License-Identifier: Apache-2.0

package agenttest

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-agent/protocols"
)

// A Handler answers a call: it fills in the reply, or returns an error.
type Handler func(ctx context.Context, request, reply protocols.Message) error

// A Call is one that was made.
type Call struct {
	Method  string
	Request protocols.Message
	// Deadline says that the caller has set one.
	Deadline bool
}

// A Server answers on a socket file. A method without a handler succeeds with an empty reply.
type Server struct {
	Path string // of the socket

	mu       sync.Mutex
	handlers map[string]Handler
	calls    []Call
}

// Start makes a server, which ends with the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{Path: filepath.Join(tb.TempDir(), "s"), handlers: map[string]Handler{}}
	l, err := net.Listen("unix", s.Path)
	if err != nil {
		tb.Fatal(err)
	}
	server, err := ttrpc.NewServer()
	if err != nil {
		tb.Fatal(err)
	}
	services := map[string]*ttrpc.ServiceDesc{}
	for _, m := range protocols.Methods() {
		if services[m.Service] == nil {
			services[m.Service] = &ttrpc.ServiceDesc{Methods: map[string]ttrpc.Method{}}
		}
		services[m.Service].Methods[m.Method] = s.method(m)
	}
	for name, desc := range services {
		server.RegisterService(name, desc)
	}
	served := make(chan struct{})
	go func() { _ = server.Serve(context.Background(), l); close(served) }()
	tb.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return s
}

// Address is the server's address.
func (s *Server) Address() string { return "unix://" + s.Path }

// Handle sets the handler of a method.
func (s *Server) Handle(method string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[method] = h
}

// Calls are all calls so far, in the order they came.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Methods are the names of the calls so far.
func (s *Server) Methods() []string {
	var names []string
	for _, c := range s.Calls() {
		names = append(names, c.Method)
	}
	return names
}

func (s *Server) method(m protocols.Method) ttrpc.Method {
	return func(ctx context.Context, unmarshal func(any) error) (any, error) {
		request, reply := m.NewRequest(), m.NewResponse()
		if err := unmarshal(protocols.Wire(request)); err != nil {
			return nil, err
		}
		_, deadline := ctx.Deadline()
		s.mu.Lock()
		s.calls = append(s.calls, Call{m.Method, request, deadline})
		h := s.handlers[m.Method]
		s.mu.Unlock()
		if h != nil {
			if err := h(ctx, request, reply); err != nil {
				return nil, err
			}
		}
		return protocols.Wire(reply), nil
	}
}
