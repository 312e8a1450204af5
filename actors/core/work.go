// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"
)

// Go runs work on a goroutine of its own; then runs as a turn of this actor with the
// result, in the order of the mailbox. work's ctx ends when the actor begins to
// stop; Join adds the end of a caller. then is not called on a dead actor. A panic
// of work is an error with ErrPanicked in its chain.
func Go[T any](t *Turn, work func(ctx context.Context) (T, error), then func(*Turn, T, error)) {
	a := t.valid()
	a.start(&job[T]{work, then, a})
}

// Join is a context that ends when ctx or caller ends, with the earlier deadline
// and the values of caller: for work done for one Call, Join(ctx, call.Context()).
// cancel must be called.
func Join(ctx, caller context.Context) (joined context.Context, cancel context.CancelFunc) {
	joined, end := context.WithCancelCause(caller)
	undo := func() {}
	if d, ok := ctx.Deadline(); ok {
		joined, undo = context.WithDeadline(joined, d)
	}
	stop := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	return joined, func() {
		stop()
		undo()
		end(context.Canceled)
	}
}

// worker is a job, whatever its T.
type worker interface {
	// do works and gives deliver the message for the actor, whatever happens.
	do(ctx context.Context, deliver func(Message))
	// with makes the message of a result that work did not give.
	with(v any, err error) (Message, error)
}

type job[T any] struct {
	work func(context.Context) (T, error)
	then func(*Turn, T, error)
	a    *actor
}

// result is the message that brings a job's result back.
type result[T any] struct {
	v    T
	err  error
	then func(*Turn, T, error)
}

func (r *result[T]) run(t *Turn) { r.then(t, r.v, r.err) }

func (j *job[T]) do(ctx context.Context, deliver func(Message)) {
	r := &result[T]{then: j.then}
	ended := false
	defer func() { // also on runtime.Goexit
		if !ended {
			j.a.panicLog("work panicked", r, recover())
			r.err = panicError(j.a.path)
		}
		deliver(r)
	}()
	r.v, r.err = j.work(ctx)
	ended = true
}

func (j *job[T]) with(v any, err error) (Message, error) {
	r := &result[T]{then: j.then, err: err}
	if v != nil {
		var ok bool
		if r.v, ok = v.(T); !ok {
			return nil, fmt.Errorf("work gives a %T, not a %T", r.v, v)
		}
	}
	return r, nil
}

// start is called in a turn.
func (a *actor) start(w worker) {
	if a.sys.stage != nil {
		a.sys.stage.started(a, w)
		return
	}
	ctx := a.workBegins()
	go w.do(ctx, a.workEnds)
}

func (a *actor) workBegins() context.Context {
	a.sys.works.add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.extra()
	x.works++
	if x.ctx == nil {
		x.ctx, x.cancel = context.WithCancel(context.Background())
	}
	return x.ctx
}

func (a *actor) workEnds(m Message) {
	a.post(m)
	a.worked()
}

func (a *actor) worked() {
	a.mu.Lock()
	a.x.works--
	a.mu.Unlock()
	a.sys.works.add(-1)
}
