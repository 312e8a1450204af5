// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/test/guard"
)

// fakeGate decides by the container's id.
type fakeGate struct {
	mu    sync.Mutex
	asked []string
	known map[string]bool // ids whose decision is known
	slow  map[string]chan struct{}
}

func (g *fakeGate) Known(info *Info, request protocols.Message) (ok bool, err error) {
	id := request.(hasContainer).GetContainerId()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known[id] {
		return false, nil
	}
	return true, answerFor(id)
}

func (g *fakeGate) Decide(_ context.Context, info *Info, request protocols.Message) error {
	id := request.(hasContainer).GetContainerId()
	g.mu.Lock()
	g.asked = append(g.asked, info.Request+" "+id)
	wait := g.slow[id]
	g.mu.Unlock()
	if wait != nil {
		<-wait
	}
	if id == "panics" {
		panic("in a gate")
	}
	return answerFor(id)
}

func answerFor(id string) error {
	if id == "denied" || id == "known-denied" {
		return frame.Errorf(codes.PermissionDenied, "blocked by policy")
	}
	return nil
}

// TestGate stands in front of async and blocking calls alike, and never of the health service.
func TestGate(t *testing.T) {
	g := &fakeGate{known: map[string]bool{"known": true, "known-denied": true}}
	served := func(c *frame.Call, _ *protocols.ReadStreamRequest) { c.ReplyBytes([]byte("data")) }
	redacted := func(c *frame.Call, _ *protocols.ReadStreamRequest) { c.ReplyBytes(nil) }
	_, path := start(t, Options{Gate: g, Methods: []Method{
		checkMethod,
		Async(protocols.AgentService, "ReadStdout", served, Bulk, Denied(redacted)),
		Async(protocols.AgentService, "ReadStderr", served, Bulk),
		remove(func(context.Context, *protocols.RemoveContainerRequest) error { return errors.New("served") }),
	}})
	c := dial(t, path)
	ping(t, c)
	for _, tc := range []struct {
		id      string
		blocked bool
	}{{"ok", false}, {"denied", true}, {"known", false}, {"known-denied", true}} {
		err := callAgent(c, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: tc.id})
		if tc.blocked {
			wantStatus(t, err, codes.PermissionDenied, "blocked by policy")
		} else {
			wantStatus(t, err, codes.Internal, "served")
		}
		read := &protocols.ReadStreamRequest{ContainerId: tc.id}
		if err := callAgent(c, "ReadStderr", read); tc.blocked {
			wantStatus(t, err, codes.PermissionDenied, "blocked by policy")
		} else if err != nil {
			t.Errorf("%s: %v", tc.id, err)
		}
		var reply protocols.ReadStreamResponse
		if err := call(context.Background(), c, protocols.AgentService, "ReadStdout", read, &reply); err != nil || (len(reply.Data) == 0) != tc.blocked {
			t.Errorf("%s: %q, %v; want data: %v", tc.id, reply.Data, err, !tc.blocked)
		}
	}
	for _, method := range []string{"ReadStdout", "RemoveContainer"} {
		m := protocols.Message(&protocols.ReadStreamRequest{ContainerId: "panics"})
		if method == "RemoveContainer" {
			m = &protocols.RemoveContainerRequest{ContainerId: "panics"}
		}
		wantStatus(t, callAgent(c, method, m), codes.Internal, "internal error in "+method)
	}
	ping(t, c)
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.ContainsFunc(g.asked, func(s string) bool { return s == "RemoveContainerRequest known" }) {
		t.Errorf("asked about what is known: %q", g.asked)
	}
}

// TestGateHoldsNobodyUp: a decision that takes its time delays the calls of its stream, in their
// order, and no others.
func TestGateHoldsNobodyUp(t *testing.T) {
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	g := &fakeGate{slow: map[string]chan struct{}{"slow": release}}
	var mu sync.Mutex
	var written []string
	clear := func(q *protocols.WriteStreamRequest) { *q = protocols.WriteStreamRequest{Data: q.Data[:0]} }
	_, path := start(t, Options{Gate: g, Methods: []Method{
		checkMethod,
		Async(protocols.AgentService, "WriteStdin", func(c *frame.Call, q *protocols.WriteStreamRequest) {
			mu.Lock()
			written = append(written, q.ContainerId+" "+string(q.Data))
			mu.Unlock()
			c.Reply(&protocols.WriteStreamResponse{Len: uint32(len(q.Data))})
		}, Recycled(clear)),
	}})
	c := dial(t, path)
	answers := make(chan error, 10)
	for i := range cap(answers) {
		waited := make(chan struct{})
		go func() {
			close(waited)
			answers <- write(c, &protocols.WriteStreamRequest{ContainerId: "slow", Data: fmt.Appendf(nil, "%d", i)})
		}()
		<-waited
	}
	// The first of them is being decided about; others go on.
	guard.Until(t, "the gate to be asked", func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.asked) > 0 })
	for range 5 {
		if err := write(c, &protocols.WriteStreamRequest{ContainerId: "other", Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		ping(t, c)
	}
	mu.Lock()
	if len(written) != 5 {
		t.Errorf("%q, want those of the other stream only", written)
	}
	written = nil
	mu.Unlock()
	free()
	for range cap(answers) {
		if err := guard.Receive(t, "an answer", answers); err != nil {
			t.Error(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	seen := map[string]bool{}
	for _, w := range written {
		seen[w] = true
	}
	for i := range cap(answers) {
		if !seen[fmt.Sprintf("slow %d", i)] {
			t.Errorf("the write of %d is not among %q: its message was used again", i, written)
		}
	}
}

func write(c *ttrpc.Client, q *protocols.WriteStreamRequest) error {
	return call(context.Background(), c, protocols.AgentService, "WriteStdin", q, &protocols.WriteStreamResponse{})
}

// TestGateAfterTheEnd: a call that ends while it is decided about is not served: a read would take
// bytes that nobody gets.
func TestGateAfterTheEnd(t *testing.T) {
	release := make(chan struct{})
	g := &fakeGate{slow: map[string]chan struct{}{"slow": release}}
	served := make(chan uint32, 4)
	_, path := start(t, Options{Gate: g, Methods: []Method{
		Async(protocols.AgentService, "ReadStdout", func(c *frame.Call, q *protocols.ReadStreamRequest) {
			served <- q.Len
			c.ReplyBytes(nil)
		}, Bulk),
	}})
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	late := ttrpc.NewClient(nc)
	payload, _ := (&protocols.ReadStreamRequest{ContainerId: "slow", Len: 1}).Marshal()
	wantStatus(t, rawCall(late, "ReadStdout", payload, 20*time.Millisecond), codes.DeadlineExceeded, "timeout")
	close(release)
	// The stream's calls are decided about in their order, so the late one is through when this is.
	if err := callAgent(dial(t, path), "ReadStdout", &protocols.ReadStreamRequest{ContainerId: "slow", Len: 2}); err != nil {
		t.Fatal(err)
	}
	if got := <-served; got != 2 {
		t.Errorf("served the read of %d, want only that of 2", got)
	}
}
