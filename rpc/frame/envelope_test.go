// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"
)

// FuzzEnvelope compares the reader of requests with that of the library.
func FuzzEnvelope(f *testing.F) {
	for _, r := range []*ttrpc.Request{
		{},
		{Service: "grpc.AgentService", Method: "ReadStdout", Payload: []byte("body"), TimeoutNano: 5},
		{TimeoutNano: -1, Metadata: []*ttrpc.KeyValue{{Key: "traceparent", Value: "a"}, {Key: "traceparent", Value: "b"}, {}}},
	} {
		f.Add(envelopeOf(f, r))
	}
	f.Add([]byte{0x08, 1})                         // service as a number
	f.Add([]byte{0x0a, 1, 0xff})                   // not UTF-8
	f.Add([]byte{0x2a, 2, 0x0a, 7})                // broken metadata
	f.Add([]byte("\xa5\xff\xff\xcf00000"))         // field number too large
	f.Add([]byte{0x33, 0x0b, 0x0c, 0x34, 0x20, 1}) // a group
	f.Fuzz(func(t *testing.T, b []byte) {
		var want ttrpc.Request
		wantErr := proto.Unmarshal(b, &want)
		got, err := decodeEnvelope(b)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, the library says %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if string(got.service) != want.Service || string(got.method) != want.Method ||
			!bytes.Equal(got.payload, want.Payload) || got.timeout != want.TimeoutNano {
			t.Errorf("%+v, want %v", got, &want)
		}
		md := ttrpc.MD{}
		for _, kv := range want.Metadata {
			md.Append(kv.Key, kv.Value)
		}
		if !maps.EqualFunc(got.metadata, md, slices.Equal) {
			t.Errorf("metadata %v, want %v", got.metadata, md)
		}
	})
}

// TestErrorText is cut and cleaned so that any peer can decode it.
func TestErrorText(t *testing.T) {
	buf := errorFrame(1, 13, "\xff"+strings.Repeat("ä", MaxLength))
	var resp ttrpc.Response
	if err := proto.Unmarshal(buf.b[headerLength:], &resp); err != nil {
		t.Fatal(err)
	}
	if n := len(resp.GetStatus().GetMessage()); n < maxErrorText/2 || n > maxErrorText+6 {
		t.Errorf("%d bytes of text", n)
	}
}
