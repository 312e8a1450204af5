// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"
)

// Observer is told that a request begins to wait for an actor: under which context, for the actor of
// which path, and the type of the request. taken is called when a turn has handled the request, with
// the time at which that turn began: not one that has parked it, nor one that has told it on.
// Neither may block.
type Observer func(ctx context.Context, actor, request string) (taken func(at time.Time))

type (
	observerKey struct{}
	takenKey    struct{}
)

// Observe returns a context whose Asks, and those of works that are joined to it, o is told of.
func Observe(ctx context.Context, o Observer) context.Context {
	return context.WithValue(ctx, observerKey{}, o)
}

// observed tells the observer of ctx, if there is one. What it wants to be told later is kept in the
// context, so that calls do not grow for it.
func observed(ctx context.Context, to Ref, req Message) (_ context.Context, watched bool) {
	o, ok := ctx.Value(observerKey{}).(Observer)
	if !ok {
		return ctx, false
	}
	return context.WithValue(ctx, takenKey{}, o(ctx, to.Path(), typeName(req))), true
}

// taken tells the observer that a turn which began at a time has handled the call.
func (c *call) taken(t *Turn, moves uint32, began time.Time) {
	if t.parked || c.moves.Load() != moves {
		return
	}
	c.mu.Lock()
	ctx := c.ctx
	c.mu.Unlock()
	if f, ok := ctx.Value(takenKey{}).(func(time.Time)); ok {
		f(began)
	}
}
