// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
)

func TestAfter(t *testing.T) {
	bubble(t, func(e *env) {
		var r record
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) { r.add(m.(string)) }})
		e.do(ref, func(tn *core.Turn) {
			tn.After(2*time.Second, "second")
			tn.After(time.Second, "first")
			cancel := tn.After(time.Second, "canceled")
			cancel()
			cancel()
		})
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		r.want(t, "first")
		time.Sleep(time.Second)
		synctest.Wait()
		r.want(t, "first", "second")
	})
}

func TestAfterCanceledInTheMailboxDoesNotCome(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) { t.Errorf("got %v", m) }})
		e.do(ref, func(tn *core.Turn) {
			cancel := tn.After(time.Second, "canceled")
			time.Sleep(2 * time.Second) // it has fired and waits behind this turn
			cancel()
		})
		synctest.Wait()
	})
}

func TestAfterEndsWithTheActor(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) { t.Errorf("got %v", m) }})
		e.do(ref, func(tn *core.Turn) {
			tn.After(time.Second, "late")
			tn.Stop(nil)
			tn.After(0, "too late")()
		})
		<-ref.Done()
		time.Sleep(2 * time.Second)
	})
}

func TestAfterMayCarryACall(t *testing.T) {
	bubble(t, func(e *env) {
		tries := 0
		ref := e.spawn("a", &script{receive: func(tn *core.Turn, m core.Message) {
			if tries++; tries < 3 {
				tn.After(time.Second, m)
				return
			}
			m.(*double).Reply(tries, nil)
		}})
		if v, err := core.Ask(context.Background(), ref, &double{}); v != 3 || err != nil {
			t.Errorf("got %d, %v", v, err)
		}
		if got := e.sys.Tree()[0]; got.Pending != 0 {
			t.Errorf("%d pending after the reply", got.Pending)
		}
		tries = 0
		open := askFunc(ref, &double{})
		time.Sleep(1500 * time.Millisecond)
		ref.Tell(func(tn *core.Turn) { tn.Stop(nil) })
		<-ref.Done()
		failed(t, "in a timer", open, core.ErrStopped)
	})
}

// worked runs one work and waits for its result.
func worked(e *env, ref core.Ref, work func(context.Context) (int, error)) (v int, err error) {
	done := make(chan struct{})
	e.do(ref, func(tn *core.Turn) {
		core.Go(tn, work, func(_ *core.Turn, got int, gotErr error) {
			v, err = got, gotErr
			close(done)
		})
	})
	<-done
	return v, err
}

func TestGoGivesResultAndError(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{})
		want := errors.New("no such device")
		v, err := worked(e, ref, func(context.Context) (int, error) { return 3, want })
		if v != 3 || !errors.Is(err, want) {
			t.Errorf("got %d, %v, want %v", v, err, want)
		}
	})
}

func TestGoContainsAPanicOfTheWork(t *testing.T) {
	for name, work := range map[string]func(context.Context) (int, error){
		"panic":  func(context.Context) (int, error) { panic("boom") },
		"goexit": func(context.Context) (int, error) { runtime.Goexit(); return 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				ref := e.spawn("a", echoScript())
				_, err := worked(e, ref, work)
				if !errors.Is(err, core.ErrPanicked) || err.Error() != "internal error in a" {
					t.Errorf("got %v, want %v", err, core.ErrPanicked)
				}
				if v, err := core.Ask(context.Background(), ref, &double{N: 1}); v != 2 || err != nil {
					t.Errorf("actor after the panic: %d, %v", v, err)
				}
				logs := e.logs.FilterMessage("work panicked").All()
				if len(logs) != 1 || !contains(logs[0].ContextMap()["stack"].(string), "work_test.go") {
					t.Errorf("logs: %v", logs)
				}
			})
		})
	}
}

func echoScript() *script {
	return &script{receive: func(_ *core.Turn, m core.Message) { m.(*double).Reply(2*m.(*double).N, nil) }}
}

func TestPanicInThenIsThePanicOfTheActor(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{})
		kept := askFunc(ref, &double{})
		ref.Tell(func(tn *core.Turn) {
			core.Go(tn, func(context.Context) (int, error) { return 0, nil }, func(*core.Turn, int, error) { panic("boom") })
		})
		<-ref.Done()
		failed(t, "kept", kept, core.ErrPanicked)
	})
}

func TestThenMayParkItsResult(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{})
		n := 0
		e.do(ref, func(tn *core.Turn) {
			core.Go(tn, func(context.Context) (int, error) { return 5, nil }, func(tn *core.Turn, v int, _ error) {
				if n += v; n == 5 {
					tn.Park()
				}
			})
		})
		synctest.Wait()
		e.do(ref, func(tn *core.Turn) { tn.Unpark() })
		synctest.Wait()
		if n != 10 {
			t.Errorf("then ran for %d, want twice 5", n)
		}
	})
}

// closer is a result that has something to close.
type closer struct{ closed chan struct{} }

func (c closer) Close() error {
	close(c.closed)
	return errors.New("close error is logged")
}

func TestWorkEndsWithItsActor(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{})
		child := e.child(ref, "c", &script{})
		release, ended := make(chan struct{}), make(chan struct{})
		child.Tell(func(*core.Turn) { <-release })
		late := closer{make(chan struct{})}
		e.do(ref, func(tn *core.Turn) {
			core.Go(tn, func(ctx context.Context) (closer, error) {
				<-ctx.Done()
				close(ended)
				return late, nil
			}, func(*core.Turn, closer, error) { t.Error("then ran on a stopping actor") })
			tn.Stop(nil)
		})
		<-ended // though a child still holds up the death
		synctest.Wait()
		close(release)
		<-late.closed // it waited in the mailbox
		<-ref.Done()
	})
}

func TestResultAfterDeathIsClosed(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{})
		late := closer{make(chan struct{})}
		e.do(ref, func(tn *core.Turn) {
			then := func(*core.Turn, closer, error) { t.Error("then ran on a dead actor") }
			core.Go(tn, func(context.Context) (closer, error) { <-ref.Done(); return late, nil }, then)
			core.Go(tn, func(context.Context) (closer, error) { <-ref.Done(); return closer{}, nil }, then)
			core.Go(tn, func(context.Context) (closer, error) { <-ref.Done(); return late, errors.New("not valid") }, then)
			tn.Stop(nil)
		})
		<-late.closed
		synctest.Wait()
		if e.logs.FilterMessage("close of a late result panicked").Len() != 1 ||
			e.logs.FilterMessage("close of a late result").Len() != 1 {
			t.Errorf("logs: %v", e.logs.All())
		}
	})
}

func TestWorkSeesItsCallerGo(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{receive: func(tn *core.Turn, m core.Message) {
			d := m.(*double)
			core.Go(tn, func(ctx context.Context) (int, error) {
				ctx, cancel := core.Join(ctx, d.Context())
				defer cancel()
				<-ctx.Done()
				return 0, ctx.Err()
			}, func(_ *core.Turn, v int, err error) { d.Reply(v, err) })
		}})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := core.Ask(ctx, ref, &double{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v, want %v", err, context.DeadlineExceeded)
		}
		open := askFunc(ref, &double{})
		synctest.Wait()
		if !open.cancel() {
			t.Error("cancel is false")
		}
		synctest.Wait()
		if got := e.sys.Tree()[0]; got.Works != 0 || got.Pending != 0 {
			t.Errorf("left: %+v", got)
		}
	})
}

func TestJoinEndsWithEither(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		actor, stop := context.WithCancelCause(context.Background())
		caller, leave := context.WithTimeout(context.WithValue(context.Background(), key{}, 1), time.Hour)
		defer leave()
		ctx, cancel := core.Join(actor, caller)
		if d, ok := ctx.Deadline(); !ok || time.Until(d) != time.Hour || ctx.Value(key{}) != 1 {
			t.Errorf("deadline %v, value %v", d, ctx.Value(key{}))
		}
		why := errors.New("stopping")
		stop(why)
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), why) {
			t.Errorf("cause %v, want %v", context.Cause(ctx), why)
		}
		cancel()

		bounded, end := context.WithTimeout(context.Background(), time.Second)
		defer end()
		ctx, cancel = core.Join(bounded, caller)
		defer cancel()
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || caller.Err() != nil {
			t.Errorf("err %v, caller %v, want %v and nothing for the caller", ctx.Err(), caller.Err(), context.DeadlineExceeded)
		}
	})
}
