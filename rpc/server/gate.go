// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/gogo/protobuf/proto"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
)

// Gate decides whether calls may be served, but for those of the health service. Its errors are the
// answers of calls that may not.
type Gate interface {
	// Known returns the decision about a call if it is found without delay; ok is false if there is
	// none.
	Known(info *Info, request protocols.Message) (ok bool, err error)
	// Decide makes the decision about a call. It may take its time.
	Decide(ctx context.Context, info *Info, request protocols.Message) error
}

// Denied gives an async method another handler for calls that the gate does not let through. Without it
// they fail with the gate's error.
func Denied[Q any, PQ message[Q]](fn func(call *frame.Call, request PQ)) Option {
	return func(r *Method) {
		r.denied = func(call *frame.Call, m protocols.Message) { fn(call, m.(PQ)) }
	}
}

// behind puts a gate in front of a handler.
func behind(g Gate, r *Method) {
	if g == nil || r.frame.Service == neverBlocked {
		return
	}
	info := r.info()
	if serve := r.frame.Blocking; serve != nil {
		r.frame.Blocking = func(ctx context.Context, request protocols.Message) (protocols.Message, error) {
			ok, err := g.Known(info, request)
			if !ok {
				err = g.Decide(ctx, info, request)
			}
			if err != nil {
				return nil, err
			}
			return serve(ctx, request)
		}
		return
	}
	w := &waiting{gate: g, info: info, method: *r}
	r.frame.Async = w.serve
}

// waiting has the calls of an async method whose decisions are being made. The goroutine that reads the
// connection does not wait for them, and the calls of a stream stay in their order.
type waiting struct {
	gate   Gate
	info   *Info
	method Method

	lines atomic.Int64 // how many streams have calls that wait
	mu    sync.Mutex
	by    map[stream][]held
}

type stream struct{ container, exec string }

type held struct {
	call    *frame.Call
	request protocols.Message
}

func (w *waiting) serve(call *frame.Call, request protocols.Message) {
	if !w.busy(request) {
		if ok, err := w.gate.Known(w.info, request); ok {
			w.pass(call, request, err)
			return
		}
	}
	if w.method.frame.Recycle != nil {
		request = proto.Clone(request.(proto.Message)).(protocols.Message) // it is used again when this returns
	}
	w.hold(held{call, request})
}

// busy says whether other calls of the stream wait.
func (w *waiting) busy(request protocols.Message) bool {
	if w.lines.Load() == 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.by[streamOf(request)]
	return ok
}

// hold queues a call up behind the others of its stream.
func (w *waiting) hold(h held) {
	key := streamOf(h.request)
	w.mu.Lock()
	defer w.mu.Unlock()
	line, running := w.by[key]
	if w.by == nil {
		w.by = map[stream][]held{}
	}
	w.by[key] = append(line, h)
	if !running {
		w.lines.Add(1)
		go w.work(key)
	}
}

func streamOf(request protocols.Message) (s stream) {
	if r, ok := request.(hasContainer); ok {
		s.container = r.GetContainerId()
	}
	if r, ok := request.(hasExec); ok {
		s.exec = r.GetExecId()
	}
	return s
}

// work decides about the calls of a stream, one after another, until none is left.
func (w *waiting) work(key stream) {
	for {
		w.mu.Lock()
		line := w.by[key]
		if len(line) == 0 {
			delete(w.by, key)
			w.lines.Add(-1)
			w.mu.Unlock()
			return
		}
		w.by[key] = line[1:]
		w.mu.Unlock()
		w.decide(line[0])
	}
}

func (w *waiting) decide(h held) {
	var err error
	h.call.Run(func() { err = w.gate.Decide(h.call.Context(), w.info, h.request) })
	h.call.Run(func() { w.pass(h.call, h.request, err) })
}

// pass serves a call, or answers that it may not be.
func (w *waiting) pass(call *frame.Call, request protocols.Message, err error) {
	switch {
	case err == nil:
		w.method.frame.Async(call, request)
	case w.method.denied != nil:
		w.method.denied(call, request)
	default:
		call.Fail(err)
	}
}
