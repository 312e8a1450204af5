// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestTree: steps are children of the span in their context, and that of what the caller says, or
// of the agent's own span.
func TestTree(t *testing.T) {
	f := newForwarder(t)
	tr := newTracer(t, "unix://"+f.path, nil)
	ctx, request := tr.Begin(t.Context(), "create_container", parent, "")
	stepCtx, step := Start(ctx, "mount")
	_, inner := Start(stepCtx, "device wait")
	inner.End(nil)
	step.End(errors.New("busy"))
	request.End(nil)
	if _, late := Start(ctx, "late"); late.Recorded() {
		t.Error("a step of a span that has ended is recorded")
	}
	_, alone := tr.Begin(t.Context(), "alone", "nonsense", "")
	alone.End(nil)
	tr.Close(t.Context())
	ids, parents := map[string]any{}, map[string]any{}
	traces := map[string]any{}
	for range 5 {
		s := f.next(t)
		name := s["name"].(string)
		sc := s["span_context"].(map[string]any)
		ids[name], parents[name], traces[name] = sc["span_id"], s["parent_span_id"], sc["trace_id"]
	}
	for child, want := range map[string]any{
		"device wait": ids["mount"], "mount": ids["create_container"], "create_container": 99.0,
		"alone": ids[rootName], rootName: 0.0,
	} {
		if parents[child] != want {
			t.Errorf("parent of %s is %v, want %v", child, parents[child], want)
		}
	}
	if traces["mount"] != traces["create_container"] || traces["alone"] != traces[rootName] || traces["alone"] == traces["mount"] {
		t.Errorf("traces %v", traces)
	}
}

// TestNotSampled: what the caller does not want recorded is not.
func TestNotSampled(t *testing.T) {
	tr := newTracer(t, "unix:///nowhere", nil)
	ctx, s := tr.Begin(t.Context(), "x", parent[:len(parent)-1]+"0", "")
	if s.Recorded() {
		t.Error("recorded against the caller's flags")
	}
	if _, child := Start(ctx, "step"); child.Recorded() {
		t.Error("a step of it is recorded")
	}
}

// TestOffAllocatesNothing: where nobody traces, a step costs no memory.
func TestOffAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), struct{ string }{"key"}, 1))
	defer cancel()
	err := errors.New("failed")
	if n := testing.AllocsPerRun(1000, func() {
		_, s := Start(ctx, "step")
		s.Set("key", "value")
		s.Fail("why")
		s.EndAt(time.Time{})
		s.End(err)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// TestEndpoints: those that have a meaning.
func TestEndpoints(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"": true, "http://collector": true, "http://10.0.0.1:4318": true, "http://[::1]:4318/v1/traces": true,
		"vsock://2:4318": true, "vsock://2:4318/x": true, "unix:///run/t.sock": true,
		"https://collector": false, "http://": false, "vsock://host:1": false, "vsock://2": false, "unix://": false,
		"unix://host/path": false, "collector:4318": false, "http://user@host": false, "http://h?q=1": false, "grpc://h:1": false,
		"http://h/a b\r\nX: y": false,
	} {
		if err := CheckEndpoint(endpoint); (err == nil) != ok {
			t.Errorf("%q: %v, want it taken: %v", endpoint, err, ok)
		} else if err != nil && !errors.Is(err, ErrEndpoint) {
			t.Errorf("%q: %v does not say what is wrong", endpoint, err)
		}
	}
}
