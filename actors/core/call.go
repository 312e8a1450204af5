// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"sync"
	"sync/atomic"
)

// Call is embedded in a request; the actor answers it once, now or later.
// A request that nobody asked, only told, is answered into the void.
type Call[R any] struct {
	head    call
	ch      chan reply[R]  // of Ask, holds one
	deliver func(R, error) // of AskFunc
}

type reply[R any] struct {
	v   R
	err error
}

// Request is a message that is answered with an R: a pointer to a struct that embeds Call[R].
type Request[R any] interface {
	request() *Call[R]
}

func (c *Call[R]) request() *Call[R] { return c }
func (c *Call[R]) callHead() *call   { return &c.head }

// Reply answers the call. Only the first Reply counts. It never blocks.
func (c *Call[R]) Reply(v R, err error) { c.Answer(v, err) }

// Answer is Reply. It tells whether this was the answer: false if there has been one already, or the
// asker has given the call up.
func (c *Call[R]) Answer(v R, err error) bool {
	if !c.head.settle() {
		return false
	}
	switch {
	case c.ch != nil:
		c.ch <- reply[R]{v, err} // holds one, and settle is true once
	case c.deliver != nil:
		c.handOver(v, err)
	}
	return true
}

// handOver runs deliver, which is code of the asker on the goroutine of the actor:
// a panic in it must not end the actor.
func (c *Call[R]) handOver(v R, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.head.to.panicLog("deliver of a reply panicked", c, r)
		}
	}()
	c.deliver(v, err)
}

// Claim makes sure that the answer to come is one that the asker gets: it is false if the asker has gone
// away or its deadline has passed. An actor that must not keep what nobody knows of claims the call in the
// turn in which it keeps it, and replies in the same turn.
func (c *Call[R]) Claim() bool { return c.head.claim() }

func (c *Call[R]) fail(err error) {
	var zero R
	c.Reply(zero, err)
}

// Context ends when the asker has gone away or its deadline has passed. It
// carries the values of the context given to Ask.
func (c *Call[R]) Context() context.Context { return c.head.context() }

// asked is any request, whatever its R.
type asked interface {
	callHead() *call
	fail(error)
}

// call is the part of a Call that does not depend on R. Locks are taken in the
// order call, then actor.
type call struct {
	mu            sync.Mutex
	moves         atomic.Uint32 // how often it was told: a turn sees that it has been told on
	armed         bool          // an asker waits, or has waited
	settled       bool          // replied, claimed or canceled
	claimed       bool          // and the reply is still to come
	gone          bool          // canceled
	shown         bool          // ctx is the one to give out
	watched       bool          // by an observer, see Observe
	behind        StepKind      // what it was parked for
	linked        bool          // stands in a list, guarded by owner.mu as are the next three
	self          asked
	prev          *call
	next          *call
	owner         *actor // in whose list of pending calls it stands or stood
	to            *actor // whom it was asked, or who has parked it
	ctx           context.Context
	cancelContext context.CancelFunc
}

// arm readies the call for one asker. A request can be asked once.
func (c *call) arm(ctx context.Context, to *actor) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed {
		return false
	}
	c.armed, c.ctx, c.to = true, ctx, to
	return true
}

// settle is true for the one who may answer.
func (c *call) settle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.claimed {
		c.claimed = false
		return true
	}
	if c.settled {
		return false
	}
	c.settled = true
	c.disown()
	return true
}

func (c *call) claim() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settled {
		return false
	}
	c.settled, c.claimed = true, true
	c.disown()
	return true
}

// cancel is true when no reply was given and none will be.
func (c *call) cancel() bool {
	c.mu.Lock()
	c.gone = true
	cancel := c.cancelContext
	first := !c.settled
	c.settled = true
	c.disown()
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return first
}

// move notes that the request is being told to an actor: the one that held it so far holds it no more.
func (c *call) move() {
	c.mu.Lock()
	c.moves.Add(1)
	c.disown()
	c.mu.Unlock()
}

func (c *call) disown() {
	if c.owner != nil {
		c.owner.unlink(c)
		c.owner = nil
	}
}

// pend hands the open call to the actor that must fail it when it dies. It
// does nothing when the call was answered or told on since the turn began.
func (c *call) pend(a *actor, self asked, moves uint32) {
	c.mu.Lock()
	open := !c.settled && c.moves.Load() == moves
	refused := false
	if open {
		c.disown()
		if refused = !a.link(c, self); !refused {
			c.owner = a
		}
	}
	c.mu.Unlock()
	if refused {
		self.fail(a.stoppedError())
	}
}

func (c *call) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shown {
		return c.ctx
	}
	c.shown = true
	switch {
	case c.ctx != nil:
	case !c.armed:
		c.ctx = context.Background()
	default: // AskFunc: made when first wanted, a parked call is kept small
		c.ctx, c.cancelContext = context.WithCancel(context.Background())
		if c.gone {
			c.cancelContext()
		}
	}
	c.ctx = inside(c.ctx, c.to)
	return c.ctx
}

// parkedBy notes who has parked the call, and what it waits for there.
func (c *call) parkedBy(a *actor, behind StepKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to, c.behind = a, behind
}

// queued is true while no turn has begun to handle the call, or it is parked.
func (c *call) queued() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.settled && c.owner == nil
}

// place is for which actor the call waits, and behind what.
func (c *call) place() (actor, behind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.behind != StepNone {
		behind = "behind " + c.behind.String()
	}
	if c.to != nil {
		actor = c.to.path
	}
	return actor, behind
}
