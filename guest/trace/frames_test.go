// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	parent  = "00-000102030405060708090a0b0c0d0e0f-0000000000000063-01"
	traceID = "5233100606242806050955395731361295" // the same as a number
)

// TestFrame has every field that Kata's forwarder reads, with the types that it wants.
func TestFrame(t *testing.T) {
	f := newForwarder(t)
	tr := newTracer(t, "unix://"+f.path, nil)
	_, s := tr.Begin(context.Background(), "exec_process", parent, "vendor=x")
	s.Set("mod", "rpc.rs")
	s.End(errors.New("no such file"))
	span := f.next(t)
	start, end := span["start_time"].(map[string]any), span["end_time"].(map[string]any)
	for _, at := range []map[string]any{start, end} {
		if at["secs_since_epoch"].(float64) < 1e9 || at["nanos_since_epoch"] == nil {
			t.Errorf("time %v", at)
		}
	}
	delete(span, "start_time")
	delete(span, "end_time")
	id := span["span_context"].(map[string]any)["span_id"]
	if id == 0.0 {
		t.Error("no span id")
	}
	span["span_context"].(map[string]any)["span_id"] = 7
	got, err := json.Marshal(span)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"attributes":{"dropped_count":0,"evict_list":["mod"],"map":{"mod":{"String":"rpc.rs"}},"max_len":128},` +
		`"events":{"dropped_count":0,"max_len":128,"queue":null},"links":{"dropped_count":0,"max_len":128,"queue":null},` +
		`"name":"exec_process","parent_span_id":99,` +
		`"resource":{"attrs":{"service.name":{"String":"kata-agent"},"service.version":{"String":"1"}}},` +
		`"span_context":{"is_remote":false,"span_id":7,"trace_flags":1,"trace_id":5.233100606242807e+33,"trace_state":[["vendor","x"]]},` +
		`"span_kind":"Server","status_code":"Error","status_message":"no such file"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestNumbersStayWhole: the 128 bits of a trace id are written as one number.
func TestNumbersStayWhole(t *testing.T) {
	tr := newTracer(t, "unix:///nowhere", nil)
	_, s := tr.Begin(context.Background(), "x", parent, "")
	defer s.End(nil)
	text, err := spanJSON(s.span.(sdktrace.ReadOnlySpan))
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.Contains(got, `"trace_id":`+traceID+`,`) || !strings.Contains(got, `"trace_state":null`) {
		t.Errorf("%s, want the trace id %s", got, traceID)
	}
}

// TestForwarderComesAgain: a forwarder that is started anew gets the spans that come then, and
// nothing is lost for a connection that has been closed.
func TestForwarderComesAgain(t *testing.T) {
	f := newForwarder(t)
	tr := newTracer(t, "unix://"+f.path, nil)
	record(tr, "first")
	if got := f.next(t)["name"]; got != "first" {
		t.Fatalf("span %v", got)
	}
	f.Close()
	// Its Close alone would let the connection live until the read that is under way has noticed.
	conn := guard.Receive(t, "the connection", f.conns).(*net.UnixConn)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	f = listenForwarder(t, f.path)
	record(tr, "second")
	if got := f.next(t)["name"]; got != "second" {
		t.Errorf("span %v, want the second", got)
	}
	if c := tr.queue.counts(); c.Lost != 0 {
		t.Errorf("%d spans are lost, want none", c.Lost)
	}
}
