// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"fmt"
	"net"

	"github.com/containerd/ttrpc"
)

// Mux serves connections by a table of routes. Cold calls run in a containerd/ttrpc server that
// has each of them registered as a method; hot calls never reach it.
type Mux struct {
	config  Config
	methods map[string]map[string]*Route // by service, then method
	server  *ttrpc.Server
	// lastStream is the constant of that name, but for tests.
	lastStream uint32
}

// NewMux makes a Mux. It fails if two routes have the same name or one has no or two handlers.
func NewMux(config Config) (*Mux, error) {
	server, err := ttrpc.NewServer()
	if err != nil {
		return nil, fmt.Errorf("ttrpc server: %w", err)
	}
	config.Limits = config.Limits.orDefault()
	if config.Status == nil {
		config.Status = Status
	}
	m := &Mux{config: config, server: server, lastStream: lastStream, methods: map[string]map[string]*Route{}}
	for i := range config.Routes {
		if err := m.add(&m.config.Routes[i]); err != nil {
			return nil, err
		}
	}
	m.register()
	return m, nil
}

func (m *Mux) add(r *Route) error {
	if (r.Hot == nil) == (r.Cold == nil) || r.New == nil || r.Recycle != nil && (r.Bulk || r.Hot == nil) {
		return fmt.Errorf("route %s/%s: one handler and a request type wanted", r.Service, r.Method)
	}
	methods := m.methods[r.Service]
	if methods == nil {
		methods = map[string]*Route{}
		m.methods[r.Service] = methods
	}
	if methods[r.Method] != nil {
		return fmt.Errorf("route %s/%s: registered twice", r.Service, r.Method)
	}
	r.prepare()
	methods[r.Method] = r
	return nil
}

func (m *Mux) register() {
	for service, routes := range m.methods {
		methods := map[string]ttrpc.Method{}
		for name, r := range routes {
			if r.Cold != nil {
				methods[name] = runTicket
			}
		}
		m.server.Register(service, methods)
	}
}

// ServeConn serves one connection until the peer or Conn.Close ends it, and closes it. All its
// calls are withdrawn and the contexts of its handlers ended when it returns, but handlers may
// still be running. started, if not nil, is given the connection before its first frame is read.
func (m *Mux) ServeConn(ctx context.Context, nc net.Conn, started func(*Conn)) {
	c := newConn(m, nc)
	c.ctx, c.cancel = context.WithCancel(ctx)
	defer c.cancel()
	if started != nil {
		started(c)
	}
	stop := context.AfterFunc(ctx, c.Close)
	defer stop()
	go c.read()
	<-c.finished
	c.servers.Wait()
}

// Close ends the ttRPC server. Connections are closed by whoever serves them.
func (m *Mux) Close() error { return m.server.Close() }
