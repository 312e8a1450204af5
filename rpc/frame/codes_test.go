// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

func codeMethods() []Method {
	return []Method{
		blocking("Blocking", echo),
		async("Async", asyncEcho),
		blocking("BlockingFails", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) {
			return nil, fmt.Errorf("wrapped: %w", Errorf(codes.NotFound, "no such \xff thing"))
		}),
		async("AsyncFails", func(c *Call, _ *protocols.ReadStreamRequest) { c.Fail(errors.New("no")) }),
		blocking("BlockingPanics", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) { panic("x") }),
		async("AsyncPanics", func(*Call, *protocols.ReadStreamRequest) { panic("x") }),
		blocking("BlockingNil", func(context.Context, *protocols.ReadStreamRequest) (protocols.Message, error) { return nil, nil }),
	}
}

// TestCodes sends each kind of bad frame, and after each of them a good one on the same connection.
func TestCodes(t *testing.T) {
	_, path := serveMux(t, Options{Methods: codeMethods()})
	request := func(service, method string, payload []byte) []byte {
		return envelopeOf(t, &ttrpc.Request{Service: service, Method: method, Payload: payload})
	}
	agent := func(method string, payload []byte) []byte {
		return frameOf(7, kindRequest, 0, request("grpc.AgentService", method, payload))
	}
	bad := []byte{0x0a, 0x7f}
	tests := []struct {
		name   string
		frame  []byte
		stream uint32
		code   codes.Code
		text   string
	}{
		{"even stream id", frameOf(2, kindRequest, 0, request("grpc.AgentService", "Blocking", nil)), 2, codes.InvalidArgument, "stream id must be odd"},
		{"stream id 0", frameOf(0, kindRequest, 0, nil), 0, codes.InvalidArgument, "stream id must be odd"},
		{"unknown service", frameOf(7, kindRequest, 0, request("grpc.Nope", "Blocking", nil)), 7, codes.InvalidArgument, "grpc.Nope service does not exist"},
		{"unknown method", agent("Nope", nil), 7, codes.Unimplemented, "Nope method"},
		{"bad body, blocking", agent("Blocking", bad), 7, codes.Unknown, "ttrpc err: unexpected EOF"},
		{"bad body, async", agent("Async", bad), 7, codes.Unknown, "ttrpc err: unexpected EOF"},
		{"bad envelope", frameOf(7, kindRequest, 0, bad), 7, codes.InvalidArgument, "decode request: field 1: unexpected EOF"},
		{"too long", frameOf(7, kindRequest, 0, make([]byte, MaxLength+1)), 7, codes.InvalidArgument, "message length 4194305 exceed maximum message size of 4194304"},
		{"error", agent("BlockingFails", nil), 7, codes.NotFound, "no such \uFFFD thing"},
		{"async error", agent("AsyncFails", nil), 7, codes.Internal, "no"},
		{"panic", agent("BlockingPanics", nil), 7, codes.Internal, "internal error in BlockingPanics"},
		{"async panic", agent("AsyncPanics", nil), 7, codes.Internal, "internal error in AsyncPanics"},
		{"no reply", agent("BlockingNil", nil), 7, codes.OK, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, path)
			c.write(test.frame)
			c.expect(test.stream, test.code, test.text)
			for _, method := range []string{"Blocking", "Async"} {
				c.call(7, method, &protocols.ReadStreamRequest{Len: 3})
				c.expectData(7, 3)
			}
		})
	}
}

func (c *client) expectData(stream uint32, n int) {
	c.t.Helper()
	resp := c.expect(stream, codes.OK, "")
	var data protocols.ReadStreamResponse
	if err := data.Unmarshal(resp.Payload); err != nil || len(data.Data) != n {
		c.t.Fatalf("%d bytes (%v), want %d", len(data.Data), err, n)
	}
	if resp.Status == nil {
		c.t.Fatal("a reply without status")
	}
}

// TestIgnored sends frames that have no answer.
func TestIgnored(t *testing.T) {
	_, path := serveMux(t, Options{Methods: codeMethods()})
	c := dial(t, path)
	c.write(frameOf(1, kindData, 1, []byte("x")))
	c.write(frameOf(1, kindResponse, 0, nil))
	c.write(frameOf(1, 77, 0, []byte("y")))
	c.call(1, "Blocking", &protocols.ReadStreamRequest{Len: 1})
	c.expectData(1, 1)
}

// TestReplyTooLong replaces replies of 4 MiB and more, at the border of what fits.
func TestReplyTooLong(t *testing.T) {
	_, path := serveMux(t, Options{Methods: codeMethods()})
	c := dial(t, path)
	// Around n bytes of data: status 2, payload tag 1 and length 4, data tag 1 and length 4.
	const fits = MaxLength - 12
	for _, method := range []string{"Blocking", "Async"} {
		c.call(1, method, &protocols.ReadStreamRequest{Len: fits})
		c.expectData(1, fits)
		c.call(3, method, &protocols.ReadStreamRequest{Len: fits + 1})
		c.expect(3, codes.InvalidArgument, "message length 4194305 exceed maximum message size of 4194304")
		c.call(5, method, &protocols.ReadStreamRequest{Len: 64 << 20})
		_, resp := c.receive()
		if resp.GetStatus().GetCode() != int32(codes.InvalidArgument) || !strings.Contains(resp.GetStatus().GetMessage(), "exceed maximum") {
			t.Fatalf("64 MiB: %v", resp.GetStatus())
		}
	}
	c.call(1, "Blocking", &protocols.ReadStreamRequest{Len: 1})
	c.expectData(1, 1)
}

// TestRequestOfFullLength sends the longest request there may be.
func TestRequestOfFullLength(t *testing.T) {
	sizes := make(chan int, 2)
	take := func(r *protocols.ReadStreamRequest) { sizes <- len(r.ContainerId) }
	_, path := serveMux(t, Options{Methods: []Method{
		blocking("Blocking", func(_ context.Context, r *protocols.ReadStreamRequest) (protocols.Message, error) {
			take(r)
			return nil, nil
		}),
		async("Async", func(c *Call, r *protocols.ReadStreamRequest) { take(r); c.Reply(nil) }),
	}})
	for _, method := range []string{"Blocking", "Async"} {
		c := dial(t, path)
		overhead := len(envelopeOf(t, &ttrpc.Request{Service: "grpc.AgentService", Method: method})) + 10
		n := MaxLength - overhead
		c.call(1, method, &protocols.ReadStreamRequest{ContainerId: strings.Repeat("x", n)})
		c.expect(1, codes.OK, "")
		if got := <-sizes; got != n {
			t.Fatalf("%s: %d bytes arrived, want %d", method, got, n)
		}
	}
}
