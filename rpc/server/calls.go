// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
)

// Bounds are the upper bounds of the buckets of a Latency, in seconds; the last bucket has none.
var Bounds = [...]float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// Latency says how long the handlers of a blocking method took.
type Latency struct {
	Method  string
	Buckets [len(Bounds) + 1]uint64 // how many calls in each bucket, those of smaller ones not counted
	Sum     time.Duration
}

// Count is how many calls there were.
func (l *Latency) Count() (n uint64) {
	for _, b := range l.Buckets {
		n += b
	}
	return n
}

// histogram counts for a Latency.
type histogram struct {
	method  string
	buckets [len(Bounds) + 1]atomic.Uint64
	sum     atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i, _ := slices.BinarySearch(Bounds[:], d.Seconds())
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// timed counts the calls of a blocking method.
func (s *Server) timed(r *Method) {
	serve := r.frame.Blocking
	if serve == nil || r.frame.Service == neverBlocked {
		return
	}
	h := &histogram{method: r.frame.Name}
	s.latencies = append(s.latencies, h)
	r.frame.Blocking = func(ctx context.Context, request protocols.Message) (protocols.Message, error) {
		began := time.Now()
		reply, err := serve(ctx, request)
		h.observe(time.Since(began))
		return reply, err
	}
}

// Latencies are those of the blocking methods that have been called, by name.
func (s *Server) Latencies() (all []Latency) {
	for _, h := range s.latencies {
		l := Latency{Method: h.method, Sum: time.Duration(h.sum.Load())}
		for i := range h.buckets {
			l.Buckets[i] = h.buckets[i].Load()
		}
		if l.Count() > 0 {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b Latency) int { return cmp.Compare(a.Method, b.Method) })
	return all
}

// Pending are the calls of a method that have no answer yet.
type Pending struct {
	Method string
	Calls  int
	Oldest time.Duration // since when the oldest has none
}

// Pending counts the calls without an answer, by method. Those that wait for events (WaitProcess,
// ReadStdout, GetOOMEvent) are among them.
func (s *Server) Pending() (all []Pending) {
	at := map[string]int{}
	for c := range s.connections() {
		c.Pending(func(r *frame.Method, since time.Duration) {
			i, ok := at[r.Name]
			if !ok {
				i = len(all)
				at[r.Name] = i
				all = append(all, Pending{Method: r.Name})
			}
			all[i].Calls++
			all[i].Oldest = max(all[i].Oldest, since)
		})
	}
	slices.SortFunc(all, func(a, b Pending) int { return cmp.Compare(a.Method, b.Method) })
	return all
}

// Connections are the names of the connections there are; see [frame.Conn.String].
func (s *Server) Connections() (all []string) {
	for c := range s.connections() {
		all = append(all, c.String())
	}
	slices.Sort(all)
	return all
}
