// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
)

// env is a run under way.
type env struct {
	Options
	scenario *Scenario
	giveUp   context.CancelCauseFunc
	clients  []*client.Client
	files    *rootfs
	sampler  *Sampler
	sampling sync.Mutex // of sampler
	start    time.Time  // of the loads

	containers []string // that sessions run in

	mu       sync.Mutex
	calls    map[string]*recorder
	methods  []string // keys of calls in the order they came
	loads    []*run
	samples  []Sample
	marks    []Mark
	held     []Sample // while everything was open
	heldN    int
	failures []string
	failed   atomic.Int64
}

// watch takes points and samples until ctx ends, and one more then.
func (e *env) watch(ctx context.Context) {
	tick := time.NewTicker(e.scenario.Interval())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			e.sample()
			return
		case <-tick.C:
		}
		t := time.Since(e.start).Seconds()
		for _, l := range e.loads {
			for _, r := range l.recorders() {
				r.point(t)
			}
		}
		for _, r := range e.callRecorders() {
			r.point(t)
		}
		e.sample()
		if e.Progress != nil {
			e.Progress(e.status())
		}
	}
}

func (e *env) fill(r *Result) {
	for _, l := range e.loads {
		r.Loads = append(r.Loads, l.outcomes()...)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.Samples, r.Marks, r.Failures, r.Failed = e.samples, e.marks, e.failures, e.failed.Load()
	r.Usage = usage(e.samples, e.held, e.heldN)
}

func (e *env) callRecorders() []*recorder {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.calls))
}

func (e *env) callOutcomes() []Outcome {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Outcome
	for _, m := range e.methods {
		out = append(out, e.calls[m].outcome(m, ""))
	}
	return out
}
