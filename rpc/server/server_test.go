// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/test/guard"
)

func check(*protocols.CheckRequest) (*protocols.HealthCheckResponse, error) {
	return &protocols.HealthCheckResponse{Status: protocols.HealthCheckResponse_SERVING}, nil
}

var checkMethod = Inline(protocols.HealthService, "Check", check)

func remove(fn func(context.Context, *protocols.RemoveContainerRequest) error, opts ...Option) Method {
	return Blocking(protocols.AgentService, "RemoveContainer",
		func(ctx context.Context, r *protocols.RemoveContainerRequest) (*protocols.Empty, error) {
			return &protocols.Empty{}, fn(ctx, r)
		}, opts...)
}

func readMethod(method string) Method {
	return Async(protocols.AgentService, method, func(c *frame.Call, r *protocols.ReadStreamRequest) {
		c.ReplyBytes(make([]byte, r.Len))
	})
}

// start serves on a unix socket until the test ends and checks that nothing is left.
func start(t testing.TB, o Options) (*Server, string) {
	t.Helper()
	before := runtime.NumGoroutine()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		<-done
		waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	})
	return s, path
}

func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if !guard.Holds(cond) {
		buf := make([]byte, 1<<20)
		t.Fatalf("waited too long for %s\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// dial returns a client of containerd/ttrpc.
func dial(t testing.TB, path string) *ttrpc.Client {
	t.Helper()
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c := ttrpc.NewClient(nc)
	t.Cleanup(func() { c.Close() })
	return c
}

func call(ctx context.Context, c *ttrpc.Client, service, method string, request, reply protocols.Message) error {
	return c.Call(ctx, service, method, protocols.Wire(request), protocols.Wire(reply))
}

func callAgent(c *ttrpc.Client, method string, request protocols.Message) error {
	return call(context.Background(), c, protocols.AgentService, method, request, &protocols.ReadStreamResponse{})
}

func wantStatus(t *testing.T, err error, code codes.Code, text string) {
	t.Helper()
	if st := status.Convert(err); st.Code() != code || st.Message() != text {
		t.Errorf("%v %q, want %v %q", st.Code(), st.Message(), code, text)
	}
}

func ping(t testing.TB, c *ttrpc.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	var reply protocols.HealthCheckResponse
	if err := call(ctx, c, protocols.HealthService, "Check", &protocols.CheckRequest{}, &reply); err != nil {
		t.Fatal(err)
	}
	if reply.Status != protocols.HealthCheckResponse_SERVING {
		t.Fatalf("health is %v", reply.Status)
	}
}

func TestCheck(t *testing.T) {
	_, path := start(t, Options{Methods: []Method{checkMethod}})
	c := dial(t, path)
	ping(t, c)
	ping(t, c)
}

func TestNamesTwice(t *testing.T) {
	if _, err := New(Options{Methods: []Method{checkMethod, checkMethod}}); err == nil {
		t.Error("two methods with one name")
	}
}

func TestAllowed(t *testing.T) {
	methods := []Method{checkMethod, readMethod("ReadStdout"), readMethod("ReadStderr"),
		remove(func(context.Context, *protocols.RemoveContainerRequest) error { return nil })}
	tests := []struct {
		name    string
		allowed []string
		blocked []string // methods
		unknown int
	}{
		{"no list", nil, nil, 0},
		{"empty list", []string{}, []string{"ReadStdout", "ReadStderr", "RemoveContainer"}, 0},
		{"a message", []string{"ReadStreamRequest"}, []string{"RemoveContainer"}, 0},
		{"a method", []string{"ReadStderr"}, []string{"ReadStdout", "RemoveContainer"}, 0},
		{"unknown ones", []string{"RemoveContainerRequest", "Nope", "readstdout"}, []string{"ReadStdout", "ReadStderr"}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			core, logs := observer.New(zapcore.WarnLevel)
			_, path := start(t, Options{Methods: methods, Allowed: test.allowed, Log: zap.New(core)})
			c := dial(t, path)
			for _, r := range methods[1:] {
				err := callAgent(c, r.frame.Name, r.frame.New())
				if slices.Contains(test.blocked, r.frame.Name) {
					wantStatus(t, err, codes.Unimplemented, r.Request+" is blocked")
				} else if err != nil {
					t.Errorf("%s: %v", r.frame.Name, err)
				}
			}
			ping(t, c)
			if logs.Len() != test.unknown {
				t.Errorf("%d warnings: %v", logs.Len(), logs.All())
			}
		})
	}
}

func TestLogLines(t *testing.T) {
	for _, level := range []zapcore.Level{zapcore.InfoLevel, zapcore.DebugLevel} {
		core, logs := observer.New(level)
		_, path := start(t, Options{Log: zap.New(core), Methods: []Method{
			checkMethod, readMethod("ReadStdout"),
			remove(func(_ context.Context, r *protocols.RemoveContainerRequest) error {
				if r.Timeout == 99 {
					panic("secret value")
				}
				if r.Timeout == 98 {
					return errors.New("busy")
				}
				return nil
			}),
		}})
		c := dial(t, path)
		ping(t, c)
		_ = callAgent(c, "ReadStdout", &protocols.ReadStreamRequest{ContainerId: "c1", ExecId: "e1", Len: 4})
		_ = callAgent(c, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: "c2"})
		_ = callAgent(c, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: "c3", Timeout: 98})
		err := callAgent(c, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: "c4", Timeout: 99})
		wantStatus(t, err, codes.Internal, "internal error in RemoveContainer")
		_ = callAgent(c, "Nope", &protocols.RemoveContainerRequest{})

		want := []map[string]any{
			{"rpc": "RemoveContainer", "container": "c2", "code": "OK"},
			{"rpc": "RemoveContainer", "container": "c3", "code": "Internal", "error": "busy"},
			{"rpc": "RemoveContainer", "container": "c4", "code": "Internal"},
		}
		if level == zapcore.DebugLevel {
			want = append(want, map[string]any{"rpc": "Check", "code": "OK"},
				map[string]any{"rpc": "ReadStdout", "container": "c1", "exec": "e1", "code": "OK"},
				map[string]any{"rpc": "Nope", "code": "Unimplemented"})
		}
		waitFor(t, "log lines", func() bool { return logs.Len() == len(want)+1 })
		for _, w := range want {
			if !slices.ContainsFunc(logs.All(), func(e observer.LoggedEntry) bool { return includes(e.ContextMap(), w) }) {
				t.Errorf("level %v: no line with %v in %v", level, w, logs.All())
			}
		}
		panics := logs.FilterLevelExact(zapcore.ErrorLevel).All()
		if len(panics) != 1 || !strings.Contains(panics[0].ContextMap()["stack"].(string), "server_test.go") {
			t.Errorf("panics logged: %v", panics)
		}
	}
}

func includes(have, want map[string]any) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

func TestInterceptors(t *testing.T) {
	type key struct{}
	var mu sync.Mutex
	var events []string
	note := func(s string) { mu.Lock(); events = append(events, s); mu.Unlock() }
	outer := func(ctx context.Context, info *Info, _ protocols.Message) (context.Context, func(codes.Code, string), error) {
		note("outer " + info.Method)
		return context.WithValue(ctx, key{}, "v"), func(c codes.Code, text string) { note("end outer " + c.String() + " " + text) }, nil
	}
	refusing := func(ctx context.Context, info *Info, m protocols.Message) (context.Context, func(codes.Code, string), error) {
		v, _ := ttrpc.GetMetadataValue(ctx, "traceparent")
		note("inner " + info.Request + " " + v)
		id := m.(interface{ GetContainerId() string }).GetContainerId()
		if id == "denied" {
			return nil, nil, frame.Errorf(codes.PermissionDenied, "%s is blocked by policy", info.Request)
		}
		return nil, func(codes.Code, string) { note("end inner") }, nil
	}
	_, path := start(t, Options{
		Interceptors: []Interceptor{outer, refusing},
		Status:       func(err error) (codes.Code, string) { return codes.Aborted, "table: " + err.Error() },
		Methods: []Method{readMethod("ReadStdout"), remove(func(ctx context.Context, r *protocols.RemoveContainerRequest) error {
			note("handler " + ctx.Value(key{}).(string))
			if r.Timeout != 0 {
				return errors.New("no")
			}
			return nil
		})},
	})
	c := dial(t, path)
	read := &protocols.ReadStreamRequest{}
	tests := []struct {
		method  string
		request protocols.Message
		code    codes.Code
		text    string
		events  []string
	}{
		{"RemoveContainer", &protocols.RemoveContainerRequest{}, codes.OK, "",
			[]string{"outer RemoveContainer", "inner RemoveContainerRequest tp", "handler v", "end inner", "end outer OK "}},
		{"RemoveContainer", &protocols.RemoveContainerRequest{Timeout: 1}, codes.Aborted, "table: no",
			[]string{"outer RemoveContainer", "inner RemoveContainerRequest tp", "handler v", "end inner", "end outer Aborted table: no"}},
		{"RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: "denied"}, codes.PermissionDenied, "RemoveContainerRequest is blocked by policy",
			[]string{"outer RemoveContainer", "inner RemoveContainerRequest tp", "end outer PermissionDenied RemoveContainerRequest is blocked by policy"}},
		{"ReadStdout", read, codes.OK, "",
			[]string{"outer ReadStdout", "inner ReadStreamRequest tp", "end inner", "end outer OK "}},
		{"ReadStdout", &protocols.ReadStreamRequest{ContainerId: "denied"}, codes.PermissionDenied, "ReadStreamRequest is blocked by policy",
			[]string{"outer ReadStdout", "inner ReadStreamRequest tp", "end outer PermissionDenied ReadStreamRequest is blocked by policy"}},
	}
	for _, test := range tests {
		mu.Lock()
		events = nil
		mu.Unlock()
		md := ttrpc.MD{}
		md.Set("traceparent", "tp")
		err := call(ttrpc.WithMetadata(context.Background(), md), c, protocols.AgentService, test.method, test.request, &protocols.ReadStreamResponse{})
		wantStatus(t, err, test.code, test.text)
		waitFor(t, "the events", func() bool { mu.Lock(); defer mu.Unlock(); return len(events) >= len(test.events) })
		mu.Lock()
		if !slices.Equal(events, test.events) {
			t.Errorf("%q, want %q", events, test.events)
		}
		mu.Unlock()
	}
}

// TestDeadline is answered by code 4 "timeout", whatever the handler does.
func TestDeadline(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{}, 100)
	core, logs := observer.New(zapcore.InfoLevel)
	_, path := start(t, Options{Log: zap.New(core), Methods: []Method{remove(func(ctx context.Context, r *protocols.RemoveContainerRequest) error {
		entered <- struct{}{}
		if r.Timeout == 1 {
			<-release
			return nil
		}
		<-ctx.Done()
		return errors.New("gave up")
	})}})
	defer close(release)
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := ttrpc.NewClient(nc)
	for i := range uint32(2) {
		// The client's own context must not end first.
		payload, _ := (&protocols.RemoveContainerRequest{Timeout: i}).Marshal()
		for limit := 20 * time.Millisecond; ; limit *= 2 { // on a busy machine it can be over before the handler is called
			err := rawCall(c, "RemoveContainer", payload, limit)
			wantStatus(t, err, codes.DeadlineExceeded, "timeout")
			if len(entered) > 0 {
				<-entered
				break
			}
		}
	}
	waitFor(t, "the line", func() bool { return logs.Len() > 0 })
	if got := logs.All()[0].ContextMap()["code"]; got != "DeadlineExceeded" {
		t.Errorf("code %v in the log", got)
	}
}

// rawCall sends a limit to the server that the client does not keep itself.
func rawCall(c *ttrpc.Client, method string, payload []byte, limit time.Duration) error {
	opts := ttrpc.WithUnaryClientInterceptor(func(ctx context.Context, q *ttrpc.Request, r *ttrpc.Response, _ *ttrpc.UnaryClientInfo, next ttrpc.Invoker) error {
		q.TimeoutNano = int64(limit)
		q.Payload = payload
		return next(ctx, q, r)
	})
	opts(c)
	return call(context.Background(), c, protocols.AgentService, method, &protocols.Empty{}, &protocols.Empty{})
}

// TestCheckUnderLoad floods one connection and has all handlers hang: checks are answered on it
// and on others.
func TestCheckUnderLoad(t *testing.T) {
	var running atomic.Int64
	_, path := start(t, Options{
		Limits: frame.Limits{Running: 16},
		Methods: []Method{checkMethod, readMethod("ReadStdout"), remove(func(ctx context.Context, _ *protocols.RemoveContainerRequest) error {
			running.Add(1)
			<-ctx.Done()
			return ctx.Err()
		})},
	})
	busy := dial(t, path)
	ctx, cancel := context.WithCancel(context.Background())
	var flood sync.WaitGroup
	for range 100 {
		flood.Go(func() {
			_ = call(ctx, busy, protocols.AgentService, "RemoveContainer", &protocols.RemoveContainerRequest{}, &protocols.Empty{})
		})
	}
	for range 4 {
		flood.Go(func() {
			for ctx.Err() == nil {
				_ = callAgent(busy, "ReadStdout", &protocols.ReadStreamRequest{Len: 32 << 10})
			}
		})
	}
	waitFor(t, "the flood", func() bool { return running.Load() == 16 })
	other := dial(t, path)
	for range 100 {
		ping(t, busy)
		ping(t, other)
	}
	cancel()
	flood.Wait()
}

// TestTooManyConnections: those beyond the limit are closed, the others are served, and there is room
// again when one of them ends.
func TestTooManyConnections(t *testing.T) {
	const most = 3
	_, path := start(t, Options{Methods: []Method{checkMethod}, Connections: most})
	var clients []*ttrpc.Client
	for range most {
		c := dial(t, path)
		ping(t, c)
		clients = append(clients, c)
	}
	one := dial(t, path)
	if err := call(guard.Context(t), one, "grpc.Health", "Check", &protocols.CheckRequest{}, &protocols.HealthCheckResponse{}); !errors.Is(err, ttrpc.ErrClosed) {
		t.Errorf("a call on one connection too many: %v, want %v", err, ttrpc.ErrClosed)
	}
	for _, c := range clients {
		ping(t, c)
	}
	clients[0].Close()
	waitFor(t, "room for another connection", func() bool {
		c := dial(t, path)
		return call(guard.Context(t), c, "grpc.Health", "Check", &protocols.CheckRequest{}, &protocols.HealthCheckResponse{}) == nil
	})
}
