// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// Types of ttRPC messages.
const (
	FrameRequest  = 1
	FrameResponse = 2
)

// Raw is a connection on which a test writes the frames itself.
type Raw struct {
	net.Conn
	tb testing.TB
}

// Frame is a ttRPC frame: a 10 byte header and its payload.
type Frame struct {
	Stream      uint32
	Type, Flags uint8
	Payload     []byte
}

// Raw opens one more connection to the agent. It is closed with the test.
func (a *Agent) Raw(tb testing.TB) *Raw {
	tb.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(a.Address, "unix://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &Raw{Conn: conn, tb: tb}
}

// Send writes a frame.
func (r *Raw) Send(f Frame) {
	r.tb.Helper()
	b := make([]byte, 10, 10+len(f.Payload))
	binary.BigEndian.PutUint32(b, uint32(len(f.Payload)))
	binary.BigEndian.PutUint32(b[4:], f.Stream)
	b[8], b[9] = f.Type, f.Flags
	if _, err := r.Write(append(b, f.Payload...)); err != nil {
		r.tb.Fatal(err)
	}
}

// Receive reads a frame.
func (r *Raw) Receive() Frame {
	r.tb.Helper()
	_ = r.SetReadDeadline(time.Now().Add(guard.Hang))
	var h [10]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		r.tb.Fatalf("no frame: %v", err)
	}
	f := Frame{Stream: binary.BigEndian.Uint32(h[4:]), Type: h[8], Flags: h[9]}
	f.Payload = make([]byte, binary.BigEndian.Uint32(h[:]))
	if _, err := io.ReadFull(r, f.Payload); err != nil {
		r.tb.Fatalf("short frame: %v", err)
	}
	return f
}

// Call is a request before it is encoded.
type Call struct {
	Stream          uint32
	Service, Method string // "" is grpc.AgentService
	Request         protocols.Message
	Body            []byte // in place of Request
	Timeout         time.Duration
	Metadata        map[string]string
}

// Request writes a request.
func (r *Raw) Request(c Call) {
	r.tb.Helper()
	if c.Service == "" {
		c.Service = "grpc.AgentService"
	}
	body := c.Body
	if c.Request != nil {
		b, err := proto.Marshal(protocols.Wire(c.Request))
		if err != nil {
			r.tb.Fatal(err)
		}
		body = b
	}
	q := &ttrpc.Request{Service: c.Service, Method: c.Method, Payload: body, TimeoutNano: c.Timeout.Nanoseconds()}
	for k, v := range c.Metadata {
		q.Metadata = append(q.Metadata, &ttrpc.KeyValue{Key: k, Value: v})
	}
	b, err := proto.Marshal(q)
	if err != nil {
		r.tb.Fatal(err)
	}
	r.Send(Frame{Stream: c.Stream, Type: FrameRequest, Payload: b})
}

// Answer is a response, decoded.
type Answer struct {
	Stream uint32
	Code   int32
	Text   string
	Body   []byte
}

// Answer reads a response.
func (r *Raw) Answer() Answer {
	r.tb.Helper()
	f := r.Receive()
	if f.Type != FrameResponse {
		r.tb.Fatalf("frame of type %d, want a response", f.Type)
	}
	var p ttrpc.Response
	if err := proto.Unmarshal(f.Payload, &p); err != nil {
		r.tb.Fatal(err)
	}
	return Answer{Stream: f.Stream, Code: p.Status.GetCode(), Text: p.Status.GetMessage(), Body: p.Payload}
}

// Decode decodes the reply into m.
func (a Answer) Decode(m protocols.Message) error {
	if a.Code != 0 {
		return fmt.Errorf("code %d: %s", a.Code, a.Text)
	}
	return proto.Unmarshal(a.Body, protocols.Wire(m))
}
