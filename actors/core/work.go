// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.uber.org/zap"
)

// Go runs work on a goroutine of its own; then runs as a turn of this actor with the
// result, in the order of the mailbox. work's ctx ends when the actor begins to
// stop; Join adds the end of a caller. A panic of work is an error with ErrPanicked
// in its chain.
//
// then is not called on a dead actor. A result without error that comes too late is
// closed if T is an io.Closer, so that what work has opened or started is not left behind.
func Go[T any](t *Turn, work func(ctx context.Context) (T, error), then func(*Turn, T, error)) {
	a := t.valid()
	a.start(&job[T]{work, then, a})
}

// Join is a context that ends when ctx or caller ends, with the earlier deadline
// and the values of caller: for work done for one Call, Join(ctx, call.Context()).
// cancel must be called.
func Join(ctx, caller context.Context) (joined context.Context, cancel context.CancelFunc) {
	if a := actorOf(ctx); a != nil {
		caller = inside(caller, a)
	}
	joined, end := context.WithCancelCause(caller)
	undo := func() {}
	if d, ok := ctx.Deadline(); ok {
		joined, undo = context.WithDeadline(joined, d)
	}
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) { // that one joined has itself
			end(context.Cause(ctx))
		}
	})
	return joined, func() {
		stop()
		undo()
		end(context.Canceled)
	}
}

// Detach is a context that does not end, with the values of caller: for what a work does for a caller and
// must do to its end, such as an undo. ctx is the work's.
func Detach(ctx, caller context.Context) context.Context {
	return inside(context.WithoutCancel(caller), actorOf(ctx))
}

// Guard does work, and runs undo when work fails, panics or ends its goroutine. A panic
// goes on, to where the work of a Go ends. It is for works that enter what they have made
// into a list: a list that lives only in a return value is lost by a panic.
func Guard(work func() error, undo func()) error {
	kept := false
	defer func() {
		if !kept {
			undo()
		}
	}()
	err := work()
	kept = err == nil
	return err
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

// lost is a message that holds something open. discard closes it when the actor will not handle the
// message.
type lost interface{ discard(*actor) }

func (r *result[T]) discard(a *actor) {
	c, ok := any(r.v).(io.Closer)
	if !ok || r.err != nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			a.panicLog("close of a late result panicked", r, p)
		}
	}()
	if err := c.Close(); err != nil {
		a.sys.log.Warn("close of a late result", zap.String("actor", a.path),
			zap.String("message", typeName(r)), zap.Error(err))
	}
}

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
			return nil, fmt.Errorf("work of %s gives a %T, not a %T", j.a.path, r.v, v)
		}
	}
	return r, nil
}

// start is called in a turn.
func (a *actor) start(w worker) {
	if a.sys.stepper != nil {
		a.sys.stepper.started(a, w)
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
		x.ctx, x.cancel = context.WithCancel(inside(context.Background(), a))
	}
	return x.ctx
}

func (a *actor) workEnds(m Message) {
	if l, ok := m.(lost); ok && !a.post(m) {
		l.discard(a)
	}
	a.worked()
}

func (a *actor) worked() {
	a.mu.Lock()
	a.x.works--
	a.mu.Unlock()
	a.sys.works.add(-1)
}
