// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
)

// Mux serves connections by a table of routes.
type Mux struct {
	config  Config
	methods map[string]map[string]*Route // by service, then method
	held    atomic.Int64                 // bytes, of all connections: Call.Hold
}

// NewMux makes a Mux. It fails if two routes have the same name or one has no or two handlers.
func NewMux(config Config) (*Mux, error) {
	config.Limits = config.Limits.orDefault()
	if config.HeldByAll <= 0 {
		config.HeldByAll = 64 << 20
	}
	if config.Status == nil {
		config.Status = Status
	}
	m := &Mux{config: config, methods: map[string]map[string]*Route{}}
	for i := range config.Routes {
		if err := m.add(&m.config.Routes[i]); err != nil {
			return nil, err
		}
	}
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
	m.freed(connMemory)
}
