// SPDX-License-Identifier: Apache-2.0

package core

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Turn is what an actor may do while it handles one message. It must not be
// kept: used after its message it panics.
type Turn struct {
	a      *actor
	msg    Message
	parked bool
	over   atomic.Bool
	log    *zap.Logger
}

func (t *Turn) valid() *actor {
	if t.over.Load() {
		panic("core: Turn of " + t.a.path + " used after its message")
	}
	return t.a
}

// Self is the actor's own Ref.
func (t *Turn) Self() Ref { return Ref{t.valid()} }

// Log is the system's logger with the field actor. It is not held by the
// actor: an encoder with fields costs as much as the actor itself.
func (t *Turn) Log() *zap.Logger {
	a := t.valid()
	if t.log == nil {
		t.log = a.sys.log.WithLazy(zap.String("actor", a.path))
	}
	return t.log
}

// After tells m to this actor when d has passed, unless cancel is called or the
// actor dies first. After cancel m does not come, even if it is in the mailbox
// already. cancel may be called at any time, also twice.
func (t *Turn) After(d time.Duration, m Message) (cancel func()) {
	return t.valid().after(d, m)
}

// Spawn starts a child. Names are unique among the living children
// (ErrNameTaken), and not empty; the parent is told ChildExited when the child dies.
func (t *Turn) Spawn(name string, b Behavior) (Ref, error) {
	return t.valid().spawn(name, b)
}

// Stop ends this actor after this turn: children first, then requests that wait in
// the mailbox or have been parked or kept fail with cause (ErrStopped when nil).
// The first Stop counts. Children get the same cause.
func (t *Turn) Stop(cause error) { t.valid().stopAfterTurn(cause) }

// Park keeps the current message for later. In then of a Go it keeps the result.
func (t *Turn) Park() { t.ParkBehind(StepNone) }

// ParkBehind is Park that says in the live view what the message waits for.
func (t *Turn) ParkBehind(kind StepKind) {
	a := t.valid()
	if t.parked {
		return
	}
	t.parked = true
	if req, ok := t.msg.(asked); ok {
		req.callHead().parkedBy(a, kind)
	}
	a.mu.Lock()
	a.extra().parked.push(t.msg)
	a.mu.Unlock()
}

// Unpark replays all parked messages, in their order, before what is in the mailbox.
func (t *Turn) Unpark() {
	a := t.valid()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.x == nil || a.x.parked.len() == 0 {
		return
	}
	// What is parked is older than what is still to be replayed.
	a.x.replay = fifo{buf: append(a.x.parked.takeAll(), a.x.replay.takeAll()...)}
}
