// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"time"
)

// Observer is told what is done under a context. Its methods may not block.
type Observer interface {
	// Waits is told that a request begins to wait for the actor of a path, and the type of the
	// request. taken is called when a turn has handled the request, with the time at which that turn
	// began: not one that has parked it, nor one that has told it on.
	Waits(ctx context.Context, actor, request string) (taken func(at time.Time))
	// Begins is told that a step begins, and end how it has ended. The context is that of the step.
	Begins(ctx context.Context, kind StepKind, object string) (_ context.Context, end func(error))
}

type (
	observerKey struct{}
	takenKey    struct{}
)

// errStepPanicked is what an observer is told of a step that has not come to its end.
var errStepPanicked = errors.New("panic")

// Observe returns a context whose Asks and steps, and those of works that are joined to it, o is told
// of.
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
	return context.WithValue(ctx, takenKey{}, o.Waits(ctx, to.Path(), typeName(req))), true
}

// beginSpan tells the observer of ctx, if there is one, of a step.
func beginSpan(ctx context.Context, kind StepKind, object string) (context.Context, func(error)) {
	o, ok := ctx.Value(observerKey{}).(Observer)
	if !ok {
		return ctx, noSpan
	}
	return o.Begins(ctx, kind, object)
}

func noSpan(error) {}

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
