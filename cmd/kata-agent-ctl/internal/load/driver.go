// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A run is one load under way.
type run struct {
	*Spec
	*env
	main   *recorder // of the operations
	parts  []part    // of steps of a load that have times of their own
	active atomic.Int64
}

// part is a step with times of its own.
type part struct {
	name string
	*recorder
}

func newRun(e *env, s *Spec) *run {
	r := &run{Spec: s, env: e, main: newRecorder()}
	steps := map[string][]string{"hold": {"ping", "close"}, "containers": {"remove"}}
	for _, name := range steps[s.Kind] {
		if name == "ping" && len(s.Args) > 0 {
			continue // nobody talks to it
		}
		r.parts = append(r.parts, part{name, newRecorder()})
	}
	return r
}

// step is the recorder of a part.
func (l *run) step(name string) *recorder {
	for _, p := range l.parts {
		if p.name == name {
			return p.recorder
		}
	}
	return nil
}

func (l *run) recorders() []*recorder {
	out := []*recorder{l.main}
	for _, p := range l.parts {
		out = append(out, p.recorder)
	}
	return out
}

func (l *run) outcomes() []Outcome {
	out := []Outcome{l.main.outcome(l.Name, l.Kind)}
	for _, p := range l.parts {
		out = append(out, p.outcome(l.Name+": "+p.name, l.Kind))
	}
	return out
}

// run runs the load. When until ends no operation is started any more; ctx ends those under way.
func (l *run) run(ctx, until context.Context) {
	switch l.Kind {
	case "hold":
		l.hold(ctx, until)
	case "containers":
		l.holdContainers(ctx, until)
	case "stall":
		l.stall(ctx, until)
	default:
		l.drive(ctx, until, map[string]operation{
			"exec": l.exec, "stream": l.stream, "stdin": l.stdin, "tty": l.tty, "churn": l.churn, "call": l.call,
			"pause": l.pause, "leave": l.leave,
		}[l.Kind])
	}
}

// An operation is the i-th of a load; it returns how many bytes were carried and checked.
type operation func(ctx context.Context, i int) (int64, error)

// drive runs operations by the workers until there are Count or until ends. With a rate the time of
// an operation begins when it should have begun: one that waits for a worker is late, not fast.
func (l *run) drive(ctx, until context.Context, op operation) {
	var next atomic.Int64
	begin := time.Now()
	var workers sync.WaitGroup
	for range l.Workers {
		workers.Go(func() {
			for until.Err() == nil {
				i := int(next.Add(1) - 1)
				if l.Count > 0 && i >= l.Count {
					return
				}
				start := time.Now()
				if l.Rate > 0 {
					first := i - i%max(l.Burst, 1) // of those that start with it
					start = begin.Add(time.Duration(float64(first) / l.Rate * float64(time.Second)))
					if !waitUntil(until, start) {
						return
					}
				}
				l.once(ctx, start, l.main, func(ctx context.Context) (int64, error) { return op(ctx, i) })
			}
		})
	}
	workers.Wait()
}

// once runs one operation within its limit and records it. It says whether it went well.
func (l *run) once(ctx context.Context, start time.Time, r *recorder, op func(context.Context) (int64, error)) bool {
	limited, cancel := l.operation(ctx)
	defer cancel()
	l.active.Add(1)
	n, err := op(limited)
	l.active.Add(-1)
	if err != nil && ctx.Err() != nil {
		return false // the whole run was ended: no failure of the agent
	}
	r.record(start, n, err)
	if err != nil {
		l.fail(l.Name, err)
	}
	return err == nil
}

// each runs do for 0 to n-1, by the workers.
func (l *run) each(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(l.Workers, n) {
		workers.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	workers.Wait()
}

// waitUntil waits for a moment, and says whether it came before ctx ended.
func waitUntil(ctx context.Context, at time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Until(at)):
		return true
	}
}
