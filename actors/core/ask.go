// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"
)

// Ask tells req and waits for the reply, the actor's death or the end of ctx.
// It takes one of the system's admission slots until it returns, unless ctx is
// derived from that of a Call or of a work, or never ends. It must not be called
// in a turn.
func Ask[R any](ctx context.Context, to Ref, req Request[R]) (R, error) {
	var zero R
	leave, err := to.p.admit(ctx)
	if err != nil {
		return zero, fmt.Errorf("ask %s: %w", to.Path(), err)
	}
	defer leave()
	c := req.request()
	ch := make(chan reply[R], 1)
	ctx, watched := observed(ctx, to, req)
	if !c.head.arm(ctx, to.p) {
		return zero, errAskedTwice
	}
	c.ch, c.head.watched = ch, watched
	waits := to.p.awaited(ctx, &c.head)
	defer to.p.answered(waits)
	to.Tell(req)
	select {
	case r := <-ch:
		return r.v, r.err
	case <-ctx.Done():
	}
	if c.head.cancel() {
		return zero, fmt.Errorf("ask %s: %w", to.Path(), ctx.Err())
	}
	r := <-ch // the reply was faster
	return r.v, r.err
}

// AskFunc tells req and returns; deliver is called exactly once with the reply, on
// the goroutine that replies (this one, when the actor is dead already), and must
// not block. cancel gives the call up: it is true when deliver has not been called
// and will not be. It takes no admission slot.
func AskFunc[R any](to Ref, req Request[R], deliver func(R, error)) (cancel func() bool) {
	c := req.request()
	var none context.Context // made when first wanted, a parked call is kept small
	if !c.head.arm(none, to.p) {
		var zero R
		deliver(zero, errAskedTwice)
		return func() bool { return false }
	}
	c.deliver = deliver
	to.Tell(req)
	return c.head.cancel
}

// admit waits for a slot. The bound is at the border only: an Ask made by a work
// must not wait for a slot, because all of them may be held by Asks that wait
// for such works. Nor may one whose context never ends, which could not give up.
func (a *actor) admit(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if a == nil || ctx.Done() == nil || ctx.Value(insideKey{}) != nil {
		return func() {}, nil
	}
	slots := a.sys.slots
	select {
	case slots <- struct{}{}:
		return a.sys.freeSlot, nil
	default:
	}
	select {
	case slots <- struct{}{}:
		return a.sys.freeSlot, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for one of %d slots: %w", cap(slots), ctx.Err())
	}
}
