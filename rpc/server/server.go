// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
)

// Options is what a Server is made of.
type Options struct {
	Methods []Method
	// Interceptors see every call, blocking or async, that is not blocked, the first of them first.
	Interceptors []Interceptor
	// Gate decides about the calls that are not blocked, after the interceptors. Nil: all are served.
	Gate Gate
	// Begin gives the handler of a blocking call, and the gate before it, the context that says for whom
	// they work. Nil: they have the connection's.
	Begin func(ctx context.Context, info *Info, request protocols.Message) context.Context
	// Status turns an error of a handler into what the host sees. Nil: frame.Status.
	Status func(error) (codes.Code, string)
	// Log gets the line of each call. Nil: none.
	Log *zap.Logger
	// Allowed names the requests or methods that may be called, besides the health service. Nil
	// allows all, an empty list none.
	Allowed []string
	// Limits bounds what one connection may occupy.
	Limits frame.Limits
	// Connections is how many connections there may be; further ones are closed. Default 4096.
	Connections int
	// Arriving is called for each connection before it is entered among those that CloseOlder closes.
	// May be nil.
	Arriving func()
	// Keep gives connections what remembers them beyond the end of this process; see frame.Options. May be nil.
	Keep func(net.Conn) frame.Keeper
	// Freed is told what has become garbage with a connection or a call; see frame.Options. May be nil.
	Freed func(bytes int)
}

// Server serves the methods on any number of listeners.
type Server struct {
	log    *zap.Logger
	status func(error) (codes.Code, string)
	mux    *frame.Mux
	former once // methods that were warned of
	// latencies do not change once the server is made.
	latencies []*histogram

	mu        sync.Mutex
	stopping  bool
	listeners map[net.Listener]struct{}
	conns     map[*frame.Conn]time.Time // since when
	most      int                       // connections
	warned    bool                      // that there are so many
	serving   sync.WaitGroup            // connections
	arriving  func()
}

// New makes a server. It fails if two methods have one name.
func New(o Options) (*Server, error) {
	s := &Server{
		log:       o.Log,
		listeners: map[net.Listener]struct{}{},
		conns:     map[*frame.Conn]time.Time{},
		arriving:  o.Arriving,
		most:      o.Connections,
	}
	if s.most <= 0 {
		s.most = defaultConnections
	}
	if s.arriving == nil {
		s.arriving = func() {}
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	s.status = statusOf(o.Status)
	allowed := newAllowList(o.Allowed, o.Methods, s.log)
	methods := make([]frame.Method, 0, len(o.Methods))
	for _, r := range o.Methods {
		methods = append(methods, s.gate(r, allowed, o))
	}
	mux, err := frame.NewMux(frame.Options{
		Methods:  methods,
		Status:   s.status,
		Panicked: s.panicked,
		Rejected: s.rejected,
		Limits:   o.Limits,
		Freed:    o.Freed,
		Keep:     o.Keep,
	})
	s.mux = mux
	return s, err
}

// statusOf lets errors that are answers already stay what they are.
func statusOf(status func(error) (codes.Code, string)) func(error) (codes.Code, string) {
	if status == nil {
		return frame.Status
	}
	return func(err error) (codes.Code, string) {
		var e *frame.Error
		if errors.As(err, &e) {
			return e.Code, e.Message
		}
		return status(err)
	}
}

// gate puts everything that stands before a handler in front of it.
func (s *Server) gate(r Method, allowed allowList, o Options) frame.Method {
	level := zapcore.InfoLevel
	if r.quiet {
		level = zapcore.DebugLevel
	}
	var all []Interceptor
	if allowed.blocks(&r) {
		block(&r)
	} else {
		behind(o.Gate, &r)
		begun(o.Begin, &r)
		s.timed(&r)
		all = append(all, o.Interceptors...)
	}
	s.intercept(&r, all, level)
	return r.frame
}

// intercept puts interceptors before a handler, and that of the log before them for as long as lines of
// the level are wanted: the level can change.
func (s *Server) intercept(r *Method, all []Interceptor, level zapcore.Level) {
	withLog := append([]Interceptor{logged(s.log, level)}, all...)
	wanted := s.log.Core()
	if r.frame.Async != nil {
		plain, told := s.async(*r, all), s.async(*r, withLog)
		r.frame.Async = func(call *frame.Call, request protocols.Message) {
			if wanted.Enabled(level) {
				told(call, request)
			} else {
				plain(call, request)
			}
		}
		return
	}
	plain, told := s.blocking(*r, all), s.blocking(*r, withLog)
	r.frame.Blocking = func(ctx context.Context, request protocols.Message) (protocols.Message, error) {
		if wanted.Enabled(level) {
			return told(ctx, request)
		}
		return plain(ctx, request)
	}
}

func (s *Server) panicked(r *frame.Method, value any, stack []byte) {
	s.log.Error("panic in a handler", zap.String("rpc", r.Name), zap.Any("panic", value), zap.ByteString("stack", stack))
}

func (s *Server) rejected(service, method string, code codes.Code, text string) {
	s.log.Debug("frame rejected", zap.String("service", service), zap.String("rpc", method),
		zap.Stringer("code", code), zap.String("error", text))
	if hint := former(method); hint != "" && code == codes.Unimplemented && s.former.first(method) {
		s.log.Warn("the host calls "+method+", which this agent does not have", zap.String("instead", hint))
	}
}

// Serve accepts connections until Shutdown is called (nil), ctx ends (ctx's error), or a listener
// fails for good. In the latter two cases it cuts all connections. It takes the listeners over.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	group, gctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		if !s.add(l) {
			_ = l.Close() // Shutdown has come first
			continue
		}
		group.Go(func() error { return s.accept(gctx, l, func(nc net.Conn) { s.serve(ctx, nc) }) })
	}
	stop := context.AfterFunc(gctx, s.closeListeners)
	err := group.Wait()
	stop()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		s.stop()
		s.cut()
	}
	s.serving.Wait()
	return err
}

// accept hands every connection of one listener to serve, on a goroutine of its own.
func (s *Server) accept(ctx context.Context, l net.Listener, serve func(net.Conn)) error {
	for wait := time.Duration(0); ; {
		nc, err := l.Accept()
		if err == nil {
			wait = 0
			s.serving.Add(1)
			go serve(nc)
			continue
		}
		if s.stopped() || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if t, ok := err.(interface{ Temporary() bool }); !ok || !t.Temporary() {
			return err
		}
		// Out of descriptors, or a client that has given up: neither lasts.
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		s.log.Warn("accept", zap.Error(err), zap.Duration("retry", wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// defaultConnections leaves most descriptors to the streams of processes.
const defaultConnections = 4096

// crowded tells whether there are as many connections as may be, and warns once each time that comes
// about. s.mu is held.
func (s *Server) crowded() bool {
	full := len(s.conns) >= s.most
	if full && !s.warned {
		s.log.Warn("too many connections: further ones are closed", zap.Int("connections", len(s.conns)))
	}
	s.warned = full
	return full
}

func (s *Server) serve(ctx context.Context, nc net.Conn) {
	s.served(func(started func(*frame.Conn)) { s.mux.ServeConn(ctx, nc, started) })
}

// GoOn serves a connection that an agent before has served, of which that is left. It comes before Serve.
func (s *Server) GoOn(ctx context.Context, nc net.Conn, left frame.Left) {
	s.serving.Add(1)
	go s.served(func(started func(*frame.Conn)) { s.mux.GoOnConn(ctx, nc, left, started) })
}

// served enters a connection among those of the server for as long as serve runs.
func (s *Server) served(serve func(started func(*frame.Conn))) {
	defer s.serving.Done()
	s.arriving()
	var served *frame.Conn
	serve(func(c *frame.Conn) {
		served = c
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stopping || s.crowded() {
			c.Close()
			return
		}
		s.conns[c] = time.Now()
	})
	s.mu.Lock()
	delete(s.conns, served)
	s.mu.Unlock()
}
