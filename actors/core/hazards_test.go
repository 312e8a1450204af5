// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
)

// requestsEverywhere leaves three requests with one actor: received and kept,
// parked, and waiting in the mailbox behind the turn that end runs in.
func requestsEverywhere(e *env, ref core.Ref, end func(*core.Turn)) map[string]*answer {
	kept := askFunc(ref, &double{N: 1})
	parked := askFunc(ref, &double{N: 2})
	synctest.Wait()
	queued := &answer{}
	ref.Tell(func(t *core.Turn) {
		queued.cancel = core.AskFunc(ref, &double{N: 3}, queued.set)
		end(t)
	})
	return map[string]*answer{"kept": kept, "parked": parked, "queued": queued}
}

func keeper() *script {
	return &script{receive: func(t *core.Turn, m core.Message) {
		if m.(*double).N == 2 {
			t.Park()
		}
	}}
}

func TestPanicFailsKeptParkedAndQueuedRequests(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", keeper())
		answers := requestsEverywhere(e, ref, func(*core.Turn) { panic("boom") })
		<-ref.Done()
		answers["late"] = askFunc(ref, &double{})
		for what, a := range answers {
			failed(t, what, a, core.ErrPanicked, core.ErrStopped)
			if _, _, err := a.get(); err.Error() != "internal error in a" {
				t.Errorf("%s: text %q", what, err)
			}
		}
	})
}

func TestPanicFailsTheRequestInItsTurn(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{receive: func(*core.Turn, core.Message) { panic("boom") }})
		_, err := core.Ask(context.Background(), ref, &double{})
		if !errors.Is(err, core.ErrPanicked) {
			t.Errorf("got %v, want %v", err, core.ErrPanicked)
		}
	})
}

func TestPanicFailsRequestsBeforeTheChildrenAreDead(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", keeper())
		child := e.child(ref, "slow", &script{})
		release := make(chan struct{})
		child.Tell(func(*core.Turn) { <-release })
		answers := requestsEverywhere(e, ref, func(*core.Turn) { panic("boom") })
		synctest.Wait()
		answers["late"] = askFunc(ref, &double{})
		for what, a := range answers {
			failed(t, what, a, core.ErrPanicked)
		}
		select {
		case <-ref.Done():
			t.Error("parent died before its child")
		default:
		}
		close(release)
		<-ref.Done()
	})
}

func TestStopFailsKeptParkedAndQueuedRequests(t *testing.T) {
	cause := errors.New("container is gone")
	for _, c := range []struct {
		cause error
		text  string
	}{{nil, "a: actor has stopped"}, {cause, "container is gone"}} {
		bubble(t, func(e *env) {
			ref := e.spawn("a", keeper())
			answers := requestsEverywhere(e, ref, func(tn *core.Turn) { tn.Stop(c.cause) })
			<-ref.Done()
			answers["late"] = askFunc(ref, &double{})
			for what, a := range answers {
				failed(t, what, a, core.ErrStopped)
				if _, _, err := a.get(); err.Error() != c.text || (c.cause != nil && !errors.Is(err, c.cause)) {
					t.Errorf("%s: error %q, want %q", what, err, c.text)
				}
			}
		})
	}
}

func TestGoexitInATurnEndsTheActorOnly(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", keeper())
		answers := requestsEverywhere(e, ref, func(*core.Turn) { runtime.Goexit() })
		<-ref.Done()
		for what, a := range answers {
			failed(t, what, a, core.ErrPanicked)
		}
		other := e.spawn("a", &script{receive: func(*core.Turn, core.Message) { runtime.Goexit() }})
		_, err := core.Ask(context.Background(), other, &double{})
		if !errors.Is(err, core.ErrPanicked) {
			t.Errorf("got %v, want %v", err, core.ErrPanicked)
		}
	})
}

func TestNoRestartWithEmptyState(t *testing.T) {
	bubble(t, func(e *env) {
		exited := make(chan core.ChildExited, 1)
		parent := e.spawn("p", &script{receive: func(_ *core.Turn, m core.Message) {
			if x, ok := m.(core.ChildExited); ok {
				exited <- x
			}
		}})
		turns, stops := 0, 0
		child := e.child(parent, "c", &script{
			receive: func(*core.Turn, core.Message) { turns++; panic("boom") },
			stopped: func(error) { stops++ },
		})
		child.Tell("first")
		child.Tell("second")
		x := <-exited
		if x.Child != child || x.Name != "c" || !errors.Is(x.Cause, core.ErrPanicked) {
			t.Errorf("parent was told %+v, want the cause %v", x, core.ErrPanicked)
		}
		child.Tell("third")
		synctest.Wait()
		if turns != 1 || stops != 1 {
			t.Errorf("%d turns, %d times Stopped, want one each", turns, stops)
		}
		if e.logs.FilterMessage("actor panicked").Len() != 1 {
			t.Error("the panic is not in the log once")
		}
	})
}

func TestTellToSelfNeverBlocksNorSpins(t *testing.T) {
	bubble(t, func(e *env) {
		const n = 50000
		got := 0
		done := make(chan struct{})
		ref := e.spawn("a", &script{receive: func(t *core.Turn, m core.Message) {
			if got++; got == n {
				close(done)
			}
		}})
		ref.Tell(func(tn *core.Turn) {
			for i := range n {
				tn.Self().Tell(i)
			}
		})
		<-done
	})
}

func TestParkKeepsTheOrder(t *testing.T) {
	bubble(t, func(e *env) {
		var r record
		ready := false
		ref := e.spawn("a", &script{receive: func(tn *core.Turn, m core.Message) {
			s := m.(string)
			switch {
			case s == "ready":
				ready = true
				tn.Unpark()
			case !ready:
				tn.Park()
				tn.Park() // twice is once
			case s == "2":
				tn.Self().Tell("5")
				r.add(s)
			default:
				r.add(s)
			}
		}})
		ref.Tell(func(tn *core.Turn) { // all in the mailbox at once
			for _, m := range []string{"1", "2", "ready", "3", "4"} {
				tn.Self().Tell(m)
			}
		})
		synctest.Wait()
		r.want(t, "1", "2", "3", "4", "5")
	})
}

func TestParkDuringReplayKeepsTheOrder(t *testing.T) {
	bubble(t, func(e *env) {
		var r record
		level := 0
		ref := e.spawn("a", &script{receive: func(tn *core.Turn, m core.Message) {
			s := m.(string)
			switch {
			case s == "up":
				level++
				tn.Unpark()
			case s == "b" && level == 1:
				r.add("b unparks")
				level++
				tn.Unpark()
			case level < 2:
				tn.Park()
			default:
				r.add(s)
			}
		}})
		for _, m := range []string{"a", "b", "c", "up"} {
			ref.Tell(m)
		}
		synctest.Wait()
		r.want(t, "b unparks", "a", "c")
	})
}

func TestGoResultsKeepTheOrderOfTheMailbox(t *testing.T) {
	bubble(t, func(e *env) {
		var r record
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) { r.add(m.(string)) }})
		finished := make(chan struct{})
		ref.Tell(func(tn *core.Turn) {
			core.Go(tn, func(context.Context) (string, error) {
				defer close(finished)
				return "result", nil
			}, func(_ *core.Turn, s string, _ error) { r.add(s) })
			tn.Self().Tell("told in the turn")
			<-finished
		})
		synctest.Wait()
		ref.Tell("told after")
		synctest.Wait()
		if len(r.what) != 3 || r.what[2] != "told after" {
			t.Errorf("order %q", r.what)
		}

		// The same with the order forced: the actor is busy while the work ends.
		var r2 record
		b := e.spawn("b", &script{receive: func(_ *core.Turn, m core.Message) { r2.add(m.(string)) }})
		b.Tell(func(tn *core.Turn) {
			core.Go(tn, func(context.Context) (string, error) { time.Sleep(time.Second); return "result", nil },
				func(_ *core.Turn, s string, _ error) { r2.add(s) })
		})
		b.Tell(func(*core.Turn) { time.Sleep(2 * time.Second) })
		b.Tell("before")
		time.Sleep(1500 * time.Millisecond)
		b.Tell("after")
		time.Sleep(time.Second)
		synctest.Wait()
		r2.want(t, "before", "result", "after")
	})
}

func TestAllWaitersWake(t *testing.T) {
	bubble(t, func(e *env) {
		var waiters []*double
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) {
			if d, ok := m.(*double); ok {
				waiters = append(waiters, d)
				return
			}
			for _, d := range waiters {
				d.Reply(9, nil)
			}
		}})
		results := make(chan int, 3)
		for range 3 {
			go func() {
				v, _ := core.Ask(context.Background(), ref, &double{})
				results <- v
			}()
		}
		synctest.Wait()
		ref.Tell("exited")
		for range 3 {
			if v := <-results; v != 9 {
				t.Errorf("got %d", v)
			}
		}
	})
}

type secret struct{ Env string }

func TestNoMessageContentsInTheLog(t *testing.T) {
	bubble(t, func(e *env) {
		m := &secret{"PASSWORD"}
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) {
			time.Sleep(time.Second) // a slow turn, then a panic
			panic("boom")
		}})
		ref.Tell(m)
		ref.Tell(m)
		<-ref.Done()
		ref.Tell(m)
		synctest.Wait()
		if e.logs.FilterMessage("actor panicked").Len() != 1 || e.logs.FilterMessage("slow turn").Len() != 1 {
			t.Errorf("logs: %v", e.logs.All())
		}
		for _, l := range e.logs.All() {
			if got := fmt.Sprint(l.Message, l.ContextMap()); contains(got, "PASSWORD") {
				t.Errorf("the log shows a message: %s", got)
			}
		}
		if got := e.logs.FilterMessage("slow turn").All()[0].ContextMap(); got["message"] != "*core_test.secret" ||
			got["actor"] != "a" {
			t.Errorf("slow turn: %v", got)
		}
	})
}

func TestRefDoesNotReachASuccessor(t *testing.T) {
	bubble(t, func(e *env) {
		old := e.spawn("a", echo{})
		stopped := e.spawn("b", &script{})
		stopped.Tell(func(tn *core.Turn) { tn.Stop(nil) })
		<-stopped.Done()
		again := e.spawn("b", echo{})
		if again == stopped || old == again {
			t.Error("Refs of two lives are equal")
		}
		if _, err := core.Ask(context.Background(), stopped, &double{}); !errors.Is(err, core.ErrStopped) {
			t.Errorf("got %v, want %v", err, core.ErrStopped)
		}
	})
}

// protoactor keeps children in a set by name; one spawned again too early would
// fall out of it and outlive its parent.
func TestChildOfAReusedNameDiesWithItsParent(t *testing.T) {
	bubble(t, func(e *env) {
		var again core.Ref
		spawned := make(chan struct{})
		parent := e.spawn("p", &script{receive: func(tn *core.Turn, m core.Message) {
			if x, ok := m.(core.ChildExited); ok {
				var err error
				if again, err = tn.Spawn(x.Name, &script{}); err != nil {
					t.Error(err)
				}
				close(spawned)
			}
		}})
		child := e.child(parent, "c/1", &script{})
		e.do(parent, func(tn *core.Turn) {
			if _, err := tn.Spawn("c/1", &script{}); !errors.Is(err, core.ErrNameTaken) {
				t.Errorf("second of a name: %v, want %v", err, core.ErrNameTaken)
			}
		})
		child.Tell(func(tn *core.Turn) { tn.Stop(nil) })
		<-spawned
		parent.Tell(func(tn *core.Turn) { tn.Stop(nil) })
		<-again.Done()
		<-parent.Done()
	})
}
