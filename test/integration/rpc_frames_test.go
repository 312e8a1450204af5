// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// maxMessage is the largest payload of a frame, in bytes.
const maxMessage = 4 << 20

// answered checks an answer, and that it belongs to the stream.
func answered(t *testing.T, a harness.Answer, stream uint32, code codes.Code, words ...string) {
	t.Helper()
	if a.Stream != stream || codes.Code(a.Code) != code {
		t.Errorf("stream %d: code %s %q; want stream %d: %s", a.Stream, codes.Code(a.Code), a.Text, stream, code)
	}
	for _, w := range words {
		if !strings.Contains(a.Text, w) {
			t.Errorf("text %q does not have %q", a.Text, w)
		}
	}
}

// check asks for health: the connection lives.
func check(t *testing.T, r *harness.Raw, stream uint32) {
	t.Helper()
	r.Request(harness.Call{Stream: stream, Service: "grpc.Health", Method: "Check"})
	a := r.Answer()
	answered(t, a, stream, codes.OK)
	var h protocols.HealthCheckResponse
	if err := a.Decode(&h); err != nil || h.Status != protocols.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", h.Status, err)
	}
}

func TestRPC01ServicesOnOneSocket(t *testing.T) {
	a := harness.Start(t, harness.Options{})

	t.Run("every method", func(t *testing.T) {
		r := a.Raw(t)
		stream := uint32(1)
		for _, m := range methods(t) {
			if m.method == "DestroySandbox" || m.method == "GetOOMEvent" || m.method == "SetGuestDateTime" {
				continue // end the agent, wait, or set the machine's clock
			}
			r.Request(harness.Call{Stream: stream, Service: m.service, Method: m.method})
			got := r.Answer()
			if got.Stream != stream || strings.Contains(got.Text, "service does not exist") || got.Text == m.method+" method" {
				t.Errorf("%s/%s: %+v", m.service, m.method, got)
			}
			stream += 2
		}
	})
	t.Run("stream id must be odd", func(t *testing.T) {
		r := a.Raw(t)
		r.Request(harness.Call{Stream: 2, Service: "grpc.Health", Method: "Check"})
		answered(t, r.Answer(), 2, codes.InvalidArgument, "stream id must be odd")
		check(t, r, 3)
	})
	t.Run("stream ids in any order", func(t *testing.T) {
		r := a.Raw(t)
		for _, id := range []uint32{7, 3, 3, 1<<31 + 1, 1, 7} {
			check(t, r, id)
		}
	})
	t.Run("4 MiB", func(t *testing.T) {
		r := a.Raw(t)
		r.Send(harness.Frame{Stream: 1, Type: harness.FrameRequest, Payload: make([]byte, maxMessage+1)})
		answered(t, r.Answer(), 1, codes.InvalidArgument, "message length 4194305 exceed maximum message size of 4194304")
		check(t, r, 3)
		whole := &protocols.WriteStreamRequest{ContainerId: "nobody", Data: bytes.Repeat([]byte("x"), maxMessage-100)}
		r.Request(harness.Call{Stream: 5, Method: "WriteStdin", Request: whole})
		answered(t, r.Answer(), 5, codes.Internal, "nobody")
	})
	t.Run("unknown", func(t *testing.T) {
		r := a.Raw(t)
		r.Request(harness.Call{Stream: 1, Service: "grpc.Nothing", Method: "Check"})
		answered(t, r.Answer(), 1, codes.InvalidArgument, "grpc.Nothing service does not exist")
		r.Request(harness.Call{Stream: 3, Method: "Nothing"})
		answered(t, r.Answer(), 3, codes.Unimplemented, "Nothing method")
		check(t, r, 5)
	})
	t.Run("undecodable", func(t *testing.T) {
		r := a.Raw(t)
		r.Request(harness.Call{Stream: 1, Method: "StartContainer", Body: []byte{0x0a, 0xff}})
		answered(t, r.Answer(), 1, codes.Unknown)
		r.Send(harness.Frame{Stream: 3, Type: harness.FrameRequest, Payload: []byte{0x0a, 0xff}})
		answered(t, r.Answer(), 3, codes.InvalidArgument)
		check(t, r, 5)
	})
	t.Run("concurrent requests", func(t *testing.T) {
		r := a.Raw(t)
		for stream := uint32(1); stream < 100; stream += 2 {
			r.Request(harness.Call{Stream: stream, Method: "GetOOMEvent"})
		}
		check(t, r, 101)
	})
	t.Run("deadline", func(t *testing.T) {
		r := a.Raw(t)
		r.Request(harness.Call{Stream: 1, Method: "GetOOMEvent", Timeout: 20 * time.Millisecond}) // clock: no event ends it before
		answered(t, r.Answer(), 1, codes.DeadlineExceeded, "timeout")
		check(t, r, 3)
	})
}

type method struct{ service, method string }

// methods are those of the agent's services, by the table of the protocol.
func methods(t *testing.T) []method {
	t.Helper()
	f, err := os.Open(filepath.Join(harness.ModuleRoot(), "protocols/testdata/services.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []method
	for _, row := range rows {
		if strings.HasPrefix(row[1], "grpc.") {
			out = append(out, method{row[1], row[2]})
		}
	}
	if len(out) < 40 {
		t.Fatalf("the table has %d methods only", len(out))
	}
	return out
}
