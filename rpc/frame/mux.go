// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
)

// Mux serves connections by a table of methods.
type Mux struct {
	options Options
	methods map[string]map[string]*Method // by service, then method
	held    atomic.Int64                  // bytes, of all connections: Call.Hold
}

// NewMux makes a Mux. It fails if two methods have the same name or one has no or two handlers.
func NewMux(options Options) (*Mux, error) {
	options.Limits = options.Limits.orDefault()
	if options.HeldByAll <= 0 {
		options.HeldByAll = 64 << 20
	}
	if options.Status == nil {
		options.Status = Status
	}
	m := &Mux{options: options, methods: map[string]map[string]*Method{}}
	for i := range options.Methods {
		if err := m.add(&m.options.Methods[i]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Mux) add(r *Method) error {
	if (r.Async == nil) == (r.Blocking == nil) || r.New == nil || r.Recycle != nil && (r.Bulk || r.Async == nil) {
		return fmt.Errorf("method %s/%s: one handler and a request type wanted", r.Service, r.Name)
	}
	methods := m.methods[r.Service]
	if methods == nil {
		methods = map[string]*Method{}
		m.methods[r.Service] = methods
	}
	if methods[r.Name] != nil {
		return fmt.Errorf("method %s/%s: registered twice", r.Service, r.Name)
	}
	r.prepare()
	methods[r.Name] = r
	return nil
}

// ServeConn serves one connection until the peer or Conn.Close ends it, and closes it. All its
// calls are canceled and the contexts of its handlers ended when it returns, but handlers may
// still be running. started, if not nil, is given the connection before its first frame is read.
func (m *Mux) ServeConn(ctx context.Context, nc net.Conn, started func(*Conn)) {
	c := newConn(m, nc)
	c.ctx, c.cancel = context.WithCancel(context.WithValue(ctx, connKey{}, c))
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
