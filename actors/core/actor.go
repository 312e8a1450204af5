// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"sync"
	"time"

	proto "github.com/asynkron/protoactor-go/actor"
)

// Behavior is what an actor does. Both methods run in the actor's turns, one at a time.
type Behavior interface {
	Receive(*Turn, Message)
	// Stopped is the last call; cause says why (nil: asked to stop).
	Stopped(cause error)
}

// ChildExited is told to the parent when a child has died. It comes after
// everything the child told before; the name is free again. A parent that is
// stopping itself does not get it.
type ChildExited struct {
	Child Ref
	Name  string
	Cause error
}

// cell is an actor's side in protoactor.
type cell interface {
	proto.Context
	proto.MessageInvoker
}

// actor is one actor: protoactor's Actor and Mailbox in one, to be small.
type actor struct {
	sys      *System
	parent   *actor // nil: top level
	path     string
	behavior Behavior
	cell     cell

	mu      sync.Mutex
	gate    uint8
	running bool  // a goroutine is in process
	stopped bool  // Behavior.Stopped has been called
	cause   error // of the death
	queue   fifo
	system  fifo
	current Message // of the turn that runs, since when
	since   time.Duration
	handled uint64
	pending *call // requests received, not answered, not told on
	x       *extras
}

// extras is what many actors never need: it is made at its first use, so that the others stay small.
type extras struct {
	parked   fifo
	replay   fifo
	children map[string]*actor
	timers   map[*timer]struct{}
	done     chan struct{}
	works    int
	ctx      context.Context // of the works
	cancel   context.CancelFunc
}

// extra is called with a.mu held.
func (a *actor) extra() *extras {
	if a.x == nil {
		a.x = &extras{}
	}
	return a.x
}

func (x *extras) popReplay() (Message, bool) {
	if x == nil {
		return nil, false
	}
	return x.replay.pop()
}

// takeAll empties what waits outside the mailbox, the oldest first.
func (x *extras) takeAll() []Message {
	if x == nil {
		return nil
	}
	return append(x.parked.takeAll(), x.replay.takeAll()...)
}

func (a *actor) doneChan() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.extra()
	if x.done == nil {
		if x.done = make(chan struct{}); a.stopped {
			x.done = closedChan
		}
	}
	return x.done
}

// stoppedError is what the actor's requests get once it is dead or dying.
func (a *actor) stoppedError() error {
	if a == nil {
		return ErrStopped
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return &stoppedError{a.path, a.cause}
}

// link puts an open call on the list of those that die with the actor.
func (a *actor) link(c *call, self asked) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gate == closed {
		return false
	}
	c.self, c.linked, c.next = self, true, a.pending
	if c.next != nil {
		c.next.prev = c
	}
	a.pending = c
	return true
}

func (a *actor) unlink(c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unlinkLocked(c)
}

func (a *actor) unlinkLocked(c *call) {
	if !c.linked {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		a.pending = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.self, c.linked, c.prev, c.next = nil, false, nil, nil
}

func (a *actor) popPending() asked {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.pending
	if c == nil {
		return nil
	}
	self := c.self
	a.unlinkLocked(c)
	return self
}
