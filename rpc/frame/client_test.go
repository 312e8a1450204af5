// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// client speaks the wire format byte by byte.
type client struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
}

// serveMux serves a Mux on a unix socket until the test ends and checks that nothing is left.
func serveMux(t testing.TB, options Options) (*Mux, string) {
	t.Helper()
	before := runtime.NumGoroutine()
	m, err := NewMux(options)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go m.ServeConn(ctx, nc, nil)
		}
	}()
	t.Cleanup(func() {
		cancel()
		l.Close()
		waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	})
	return m, path
}

func dial(t testing.TB, path string) *client {
	t.Helper()
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &client{t: t, nc: nc, br: bufio.NewReaderSize(nc, 64<<10)}
}

func frameOf(stream uint32, kind, flags uint8, body []byte) []byte {
	b := make([]byte, headerLength, headerLength+len(body))
	putHeader(b, header{length: uint32(len(body)), stream: stream, kind: kind, flags: flags})
	return append(b, body...)
}

func envelopeOf(t testing.TB, r *ttrpc.Request) []byte {
	b, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(stream uint32, r *ttrpc.Request) {
	c.t.Helper()
	c.write(frameOf(stream, kindRequest, 0, envelopeOf(c.t, r)))
}

func (c *client) call(stream uint32, method string, m protocols.Message) {
	c.t.Helper()
	payload, err := m.Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(stream, &ttrpc.Request{Service: "grpc.AgentService", Method: method, Payload: payload})
}

// receive reads one reply.
func (c *client) receive() (uint32, *ttrpc.Response) {
	c.t.Helper()
	stream, resp, err := c.tryReceive()
	if err != nil {
		c.t.Fatal(err)
	}
	return stream, resp
}

func (c *client) tryReceive() (uint32, *ttrpc.Response, error) {
	c.nc.SetReadDeadline(time.Now().Add(guard.Hang))
	var h [headerLength]byte
	if _, err := io.ReadFull(c.br, h[:]); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(h[:]))
	if _, err := io.ReadFull(c.br, body); err != nil {
		return 0, nil, err
	}
	var resp ttrpc.Response
	if err := proto.Unmarshal(body, &resp); err != nil {
		return 0, nil, err
	}
	return binary.BigEndian.Uint32(h[4:]), &resp, nil
}

// expect reads one reply and compares it.
func (c *client) expect(stream uint32, code codes.Code, text string) *ttrpc.Response {
	c.t.Helper()
	got, resp := c.receive()
	st := resp.GetStatus()
	if got != stream || codes.Code(st.GetCode()) != code || st.GetMessage() != text {
		c.t.Fatalf("stream %d: %v %q, want stream %d: %v %q", got, codes.Code(st.GetCode()), st.GetMessage(), stream, code, text)
	}
	return resp
}

// waitFor waits until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if !guard.Holds(cond) {
		buf := make([]byte, 1<<20)
		t.Fatalf("waited too long for %s\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// blocking makes a blocking method whose request is a ReadStreamRequest.
func blocking(method string, fn func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error)) Method {
	return Method{
		Service: "grpc.AgentService", Name: method,
		New: func() protocols.Message { return &protocols.ReadStreamRequest{} },
		Blocking: func(ctx context.Context, m protocols.Message) (protocols.Message, error) {
			return fn(ctx, m.(*protocols.ReadStreamRequest))
		},
	}
}

// async makes an async method whose request is a ReadStreamRequest.
func async(method string, fn func(*Call, *protocols.ReadStreamRequest)) Method {
	return Method{
		Service: "grpc.AgentService", Name: method,
		New:   func() protocols.Message { return &protocols.ReadStreamRequest{} },
		Async: func(c *Call, m protocols.Message) { fn(c, m.(*protocols.ReadStreamRequest)) },
	}
}

// echo answers with as many bytes as asked for.
func echo(_ context.Context, r *protocols.ReadStreamRequest) (protocols.Message, error) {
	return &protocols.ReadStreamResponse{Data: make([]byte, r.Len)}, nil
}

func asyncEcho(c *Call, r *protocols.ReadStreamRequest) { c.ReplyBytes(make([]byte, r.Len)) }

func requestTo(method string, payload []byte) *ttrpc.Request {
	return &ttrpc.Request{Service: "grpc.AgentService", Method: method, Payload: payload}
}

func (c *client) reset() { c.br = bufio.NewReaderSize(c.nc, 64<<10) }

// socketPair returns two ends of a unix connection.
func socketPair(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "p"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// serveConn has m serve one connection and returns both of its ends; served is closed when it is
// served no more.
func serveConn(t *testing.T, m *Mux) (c *client, conn *Conn, served <-chan struct{}) {
	t.Helper()
	ours, theirs := socketPair(t)
	c = &client{t: t, nc: theirs}
	c.reset()
	conns := make(chan *Conn, 1)
	done := make(chan struct{})
	go func() {
		m.ServeConn(context.Background(), ours, func(conn *Conn) { conns <- conn })
		close(done)
	}()
	return c, <-conns, done
}
