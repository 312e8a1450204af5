// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"

	"github.com/kata-containers/kata-agent/test/guard"
)

// FuzzFrame sends any bytes as a client would. Whatever they are, the connection answers only with
// whole frames, lets every call end, and does not panic or hang.
func FuzzFrame(f *testing.F) {
	request := func(method string, payload []byte, timeout int64) []byte {
		return envelopeOf(f, &ttrpc.Request{
			Service: "grpc.AgentService", Method: method, Payload: payload, TimeoutNano: timeout,
			Metadata: []*ttrpc.KeyValue{{Key: "traceparent", Value: "x"}},
		})
	}
	f.Add(frameOf(1, kindRequest, 0, request("Blocking", []byte{0x18, 4}, 0)))
	f.Add(append(frameOf(3, kindRequest, 0, request("Async", []byte{0x18, 4}, 1)), frameOf(3, kindRequest, 0, request("AsyncPanics", nil, 0))...))
	f.Add(frameOf(2, kindData, 1, []byte("x")))
	f.Add(frameOf(1, kindRequest, 0, []byte{0x0a, 0x7f}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := NewMux(Options{Methods: codeMethods()})
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := net.Pipe()
		served := make(chan struct{})
		go func() {
			m.ServeConn(context.Background(), ours, nil)
			close(served)
		}()
		replies := make(chan error, 1)
		go func() { replies <- wholeFrames(theirs) }()
		theirs.SetWriteDeadline(time.Now().Add(guard.Hang))
		if _, err := theirs.Write(b); err != nil {
			t.Errorf("the connection stopped reading: %v", err)
		}
		theirs.Close()
		<-served
		if err := <-replies; err != nil {
			t.Error(err)
		}
	})
}

// wholeFrames reads replies until the connection is closed, and says what is wrong with them.
func wholeFrames(nc net.Conn) error {
	for {
		var h [headerLength]byte
		if _, err := io.ReadFull(nc, h[:]); err != nil {
			return nil
		}
		body := make([]byte, binary.BigEndian.Uint32(h[:]))
		if _, err := io.ReadFull(nc, body); err != nil {
			return nil // closed by the test in the middle
		}
		var resp ttrpc.Response
		if err := proto.Unmarshal(body, &resp); err != nil {
			return err
		}
	}
}
