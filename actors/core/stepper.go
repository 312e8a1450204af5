// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Stepper runs one actor by hand, with no system, no goroutine and no clock. The
// mailbox, the turns, the calls and the death are those of any actor; spawned
// actors only collect what they are told. It is what package coretest is made
// of and has no other use. A Stepper is used on one goroutine.
type Stepper struct {
	a     *actor
	hooks Hooks
	halt  bool
}

// Hooks is told what the actor under a Stepper starts.
type Hooks struct {
	Spawned func(child Ref, name string, b Behavior)
	Started func(*Work)
	// Armed is told of an After; stop is called when it is canceled, handled
	// or given up by the dying actor. fire puts it into the mailbox.
	Armed func(d time.Duration, m Message, fire func()) (stop func())
}

// Work is the work of one Go, to be run or completed once.
type Work struct {
	a    *actor
	w    worker
	done bool
}

// NewStepper makes the actor that b is the behaviour of.
func NewStepper(log *zap.Logger, path string, b Behavior, hooks Hooks) *Stepper {
	st := &Stepper{hooks: hooks}
	sys := &System{log: log, epoch: time.Now(), slowTurn: defaultSlowTurn, stepper: st}
	WithAskSlots(defaultAskSlots)(sys)
	st.a = &actor{sys: sys, path: path, behavior: b}
	return st
}

// Ref is that of its actor.
func (st *Stepper) Ref() Ref { return Ref{st.a} }

// Step handles the next message; it is false when there is none or the actor is dead.
func (st *Stepper) Step() bool {
	m, _, ok := st.a.next(0)
	if ok {
		st.a.turn(m)
	}
	if st.halt {
		st.halt = false
		st.end()
	}
	return ok
}

// Stop stops the actor as its parent would. It is not called in a turn.
func (st *Stepper) Stop() {
	if !st.Ref().dead() {
		st.end()
	}
}

func (st *Stepper) end() {
	a := st.a
	a.stopping()
	_, children := a.info()
	for _, c := range children {
		c.perish(a.cause)
	}
	a.die()
}

// Cause says whether the actor is dead, and why.
func (st *Stepper) Cause() (cause error, dead bool) {
	return st.a.deathCause(), st.Ref().dead()
}

// Peer is the Ref of an actor that only collects what it is told.
func (st *Stepper) Peer(path string) Ref { return Ref{&actor{sys: st.a.sys, path: path}} }

// Told takes what r, a child or a Peer, has been told. Requests in it are r's
// to answer from then on.
func (st *Stepper) Told(r Ref) []Message {
	r.p.mu.Lock()
	told := r.p.queue.takeAll()
	r.p.mu.Unlock()
	for _, m := range told {
		if req, ok := m.(asked); ok {
			req.callHead().pend(r.p, req, req.callHead().moves.Load())
		}
	}
	return told
}

// Exit lets r, a child or a Peer, die. A child's parent is told.
func (st *Stepper) Exit(r Ref, cause error) {
	if r.dead() {
		return
	}
	r.p.perish(cause)
	if r.p.parent != nil {
		r.p.parent.childDied(r.p.name())
	}
}

// Run does the work on this goroutine and puts its result into the mailbox.
func (w *Work) Run() {
	if !w.done {
		w.done = true
		w.w.do(w.a.workBegins(), w.a.workEnds)
	}
}

// Complete puts a result into the mailbox without doing the work. v is of the
// work's type, or nil for its zero value.
func (w *Work) Complete(v any, err error) error {
	m, err := w.w.with(v, err)
	if err == nil && !w.done {
		w.done = true
		w.a.post(m)
	}
	return err
}

// Context is the one that Run gives to the work.
func (w *Work) Context() context.Context {
	ctx := w.a.workBegins()
	w.a.worked()
	return ctx
}

// perish is the death of an actor without a behaviour.
func (a *actor) perish(cause error) {
	a.mu.Lock()
	a.cause = cause
	a.mu.Unlock()
	a.failAll()
	a.bury()
}

func (st *Stepper) spawned(a *actor) { st.hooks.Spawned(Ref{a}, a.name(), a.behavior) }

func (st *Stepper) started(a *actor, w worker) { st.hooks.Started(&Work{a: a, w: w}) }

func (st *Stepper) halted(a *actor) { st.halt = st.halt || a == st.a }

func (st *Stepper) armed(tm *timer, d time.Duration) stopper {
	return stopFunc(st.hooks.Armed(d, tm.m, func() { tm.a.post(tm) }))
}

type stopFunc func()

// Stop is that of a time.Timer.
func (f stopFunc) Stop() bool {
	f()
	return true
}
