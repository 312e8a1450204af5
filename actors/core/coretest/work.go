// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"context"
	"slices"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
)

// Work is a core.Go that waits to be run or completed, once.
type Work struct {
	w  *core.Work
	of *Actor
}

// Works are those that wait, in the order of their Go.
func (a *Actor) Works() []*Work { return slices.Clone(a.works) }

// Work is the i-th that waits. The test fails when there is none.
func (a *Actor) Work(i int) *Work {
	a.t.Helper()
	if i >= len(a.works) {
		a.t.Fatalf("actor %s has %d works waiting, want number %d", a.Ref().Path(), len(a.works), i)
	}
	return a.works[i]
}

// Run does the work here and now, then runs the turns that follow.
func (w *Work) Run() {
	w.of.t.Helper()
	w.take()
	w.w.Run()
	w.of.Run()
}

// Complete gives the result in place of the work, then runs the turns that
// follow. v is of the work's type, or nil for its zero value.
func (w *Work) Complete(v any, err error) {
	w.of.t.Helper()
	w.take()
	if err := w.w.Complete(v, err); err != nil {
		w.of.t.Fatal(err)
	}
	w.of.Run()
}

// Context is what the work gets: it ends when the actor stops.
func (w *Work) Context() context.Context { return w.w.Context() }

func (w *Work) take() {
	w.of.t.Helper()
	i := slices.Index(w.of.works, w)
	if i < 0 {
		w.of.t.Fatal("work has been run or completed before")
	}
	w.of.works = slices.Delete(w.of.works, i, i+1)
}

func (a *Actor) started(w *core.Work) { a.works = append(a.works, &Work{w: w, of: a}) }

// Timer is a Turn.After that waits to be fired.
type Timer struct {
	After   time.Duration
	Message core.Message
	fire    func()
	of      *Actor
}

// Timers are those that wait, in the order of their After.
func (a *Actor) Timers() []*Timer { return slices.Clone(a.timers) }

// Fire lets the time pass, then runs the turns that follow. A timer that was
// canceled or has fired does nothing.
func (t *Timer) Fire() {
	t.of.t.Helper()
	if slices.Contains(t.of.timers, t) {
		t.fire()
	}
	t.of.Run()
}

func (a *Actor) armed(d time.Duration, m core.Message, fire func()) (stop func()) {
	timer := &Timer{After: d, Message: m, fire: fire, of: a}
	a.timers = append(a.timers, timer)
	return func() {
		a.timers = slices.DeleteFunc(a.timers, func(t *Timer) bool { return t == timer })
	}
}
