// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestChildrenDieBeforeTheirParent(t *testing.T) {
	bubble(t, func(e *env) {
		var r record
		noting := func(name string) *script { return &script{stopped: func(error) { r.add(name) }} }
		a := e.spawn("a", noting("a"))
		b := e.child(a, "b", noting("b"))
		c := e.child(b, "c", noting("c"))
		if c.Path() != "a/b/c" {
			t.Errorf("path %q", c.Path())
		}
		c.Tell(func(*core.Turn) { time.Sleep(time.Second) }) // a turn is never cut short
		if err := e.sys.Stop(e.hangGuard()); err != nil {
			t.Error(err)
		}
		r.want(t, "c", "b", "a")
		if _, err := e.sys.Spawn("d", noting("d")); !errors.Is(err, core.ErrStopped) {
			t.Errorf("spawn after stop: %v, want %v", err, core.ErrStopped)
		}
	})
}

func TestChildrenGetTheCauseOfTheirParent(t *testing.T) {
	bubble(t, func(e *env) {
		cause := errors.New("sandbox destroyed")
		causes := make(chan error, 2)
		noting := &script{stopped: func(c error) { causes <- c }}
		a := e.spawn("a", noting)
		e.child(a, "b", noting)
		a.Tell(func(tn *core.Turn) {
			tn.Stop(cause)
			tn.Stop(errors.New("second"))
		})
		for range 2 {
			if got := <-causes; !errors.Is(got, cause) {
				t.Errorf("cause %v, want %v", got, cause)
			}
		}
	})
}

func TestChildExitedComesAfterTheLastWords(t *testing.T) {
	bubble(t, func(e *env) {
		var r record
		cause := errors.New("done")
		parent := e.spawn("p", &script{receive: func(_ *core.Turn, m core.Message) {
			switch m := m.(type) {
			case string:
				r.add(m)
			case core.ChildExited:
				r.add(m.Name + " exited: " + m.Cause.Error())
			}
		}})
		child := e.child(parent, "c", &script{})
		block := make(chan struct{})
		parent.Tell(func(*core.Turn) { <-block })
		child.Tell(func(tn *core.Turn) {
			parent.Tell("last words")
			tn.Stop(cause)
		})
		<-child.Done()
		synctest.Wait()
		close(block)
		synctest.Wait()
		r.want(t, "last words", "c exited: done")
	})
}

func TestStoppedRunsOnceAndItsPanicIsContained(t *testing.T) {
	bubble(t, func(e *env) {
		n := 0
		ref := e.spawn("a", &script{stopped: func(error) { n++; panic("boom") }})
		kept := askFunc(ref, &double{})
		ref.Tell(func(tn *core.Turn) { tn.Stop(nil); panic("and more") })
		<-ref.Done()
		failed(t, "kept", kept, core.ErrPanicked)
		if n != 1 {
			t.Errorf("Stopped ran %d times", n)
		}
		if got := e.logs.FilterMessage("Stopped panicked").Len(); got != 1 {
			t.Errorf("%d logs", got)
		}
	})
}

func TestStoppedMayStillReply(t *testing.T) {
	bubble(t, func(e *env) {
		var kept *double
		ref := e.spawn("a", &script{
			receive: func(_ *core.Turn, m core.Message) { kept = m.(*double) },
			stopped: func(error) { kept.Reply(3, nil) },
		})
		a := askFunc(ref, &double{})
		ref.Tell(func(tn *core.Turn) { tn.Stop(nil) })
		<-ref.Done()
		if n, v, err := a.get(); n != 1 || v != 3 || err != nil {
			t.Errorf("answered %d times, %d, %v", n, v, err)
		}
	})
}

func TestNoTurnAfterStop(t *testing.T) {
	bubble(t, func(e *env) {
		turns := 0
		ref := e.spawn("a", &script{receive: func(*core.Turn, core.Message) { turns++ }})
		child := e.child(ref, "c", &script{})
		child.Tell(func(*core.Turn) { time.Sleep(time.Second) })
		ref.Tell(func(tn *core.Turn) { tn.Stop(nil); tn.Self().Tell("queued") })
		synctest.Wait()
		ref.Tell("while the child dies")
		<-ref.Done()
		ref.Tell("dead")
		synctest.Wait()
		if turns != 0 {
			t.Errorf("%d turns after Stop", turns)
		}
	})
}

func TestSystemStopSaysWhatHangs(t *testing.T) {
	bubble(t, func(e *env) {
		block := make(chan struct{})
		ref := e.spawn("stuck", &script{})
		ref.Tell(func(tn *core.Turn) {
			core.Go(tn, func(context.Context) (int, error) { <-block; return 0, nil }, func(*core.Turn, int, error) {})
			<-block
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := e.sys.Stop(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !contains(err.Error(), "stuck") || !contains(err.Error(), "work") {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		close(block)
	})
}

func TestForwardedRequestBelongsToItsNewActor(t *testing.T) {
	bubble(t, func(e *env) {
		hold := &script{}
		first, second := e.spawn("first", hold), e.spawn("second", &script{})
		var kept *double
		hold.receive = func(_ *core.Turn, m core.Message) {
			d := m.(*double)
			if kept = d; d.N == 1 {
				second.Tell(d)
			}
		}
		block := make(chan struct{})
		second.Tell(func(*core.Turn) { <-block }) // they wait in its mailbox
		atOnce := askFunc(first, &double{N: 1})
		later := askFunc(first, &double{N: 2})
		synctest.Wait()
		e.do(first, func(tn *core.Turn) { second.Tell(kept) })
		synctest.Wait()
		first.Tell(func(tn *core.Turn) { tn.Stop(nil) })
		<-first.Done()
		close(block)
		synctest.Wait()
		for _, a := range []*answer{atOnce, later} {
			if n, _, err := a.get(); n != 0 {
				t.Fatalf("failed by the old actor: %v", err)
			}
		}
		cause := errors.New("second is gone")
		second.Tell(func(tn *core.Turn) { tn.Stop(cause) })
		<-second.Done()
		failed(t, "at once", atOnce, cause)
		failed(t, "later", later, cause)
	})
}

// The new actor may have the request, and be slow with it, before the turn that
// told it on has ended.
func TestRequestForwardedEarlyInATurn(t *testing.T) {
	bubble(t, func(e *env) {
		second := e.spawn("second", &script{})
		first := e.spawn("first", &script{receive: func(tn *core.Turn, m core.Message) {
			second.Tell(m)
			time.Sleep(time.Second)
			tn.Stop(nil)
		}})
		a := askFunc(first, &double{})
		<-first.Done()
		if n, _, err := a.get(); n != 0 {
			t.Errorf("failed by the old actor: %v", err)
		}
		second.Tell(func(tn *core.Turn) { tn.Stop(nil) })
		<-second.Done()
		failed(t, "forwarded", a, core.ErrStopped)
	}, core.WithSlowTurn(time.Hour))
}

func TestNameIsTakenUntilChildExited(t *testing.T) {
	bubble(t, func(e *env) {
		parent := e.spawn("p", &script{})
		child := e.child(parent, "c", &script{})
		e.do(parent, func(tn *core.Turn) {
			child.Tell(func(tn *core.Turn) { tn.Stop(nil) })
			<-child.Done()
			if _, err := tn.Spawn("c", &script{}); !errors.Is(err, core.ErrNameTaken) {
				t.Errorf("spawn before ChildExited: %v, want %v", err, core.ErrNameTaken)
			}
		})
	})
}

func TestKeptTurnPanics(t *testing.T) {
	bubble(t, func(e *env) {
		var kept *core.Turn
		ref := e.spawn("a", &script{})
		e.do(ref, func(tn *core.Turn) { kept = tn })
		synctest.Wait() // the turn is over
		uses := map[string]func(){
			"Self":   func() { kept.Self() },
			"Log":    func() { kept.Log() },
			"After":  func() { kept.After(0, nil) },
			"Spawn":  func() { _, _ = kept.Spawn("x", echo{}) },
			"Stop":   func() { kept.Stop(nil) },
			"Park":   kept.Park,
			"Unpark": kept.Unpark,
			"Go": func() {
				core.Go(kept, func(context.Context) (int, error) { return 0, nil }, func(*core.Turn, int, error) {})
			},
		}
		for name, use := range uses {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s of a kept Turn does not panic", name)
					}
				}()
				use()
			}()
		}
	})
}

func TestSpawnRefusesNames(t *testing.T) {
	bubble(t, func(e *env) {
		a := e.spawn("a", echo{})
		for name, want := range map[string]error{"a": core.ErrNameTaken, "": nil, "eventstream": core.ErrNameTaken} {
			if _, err := e.sys.Spawn(name, echo{}); err == nil || (want != nil && !errors.Is(err, want)) {
				t.Errorf("spawn %q: %v", name, err)
			}
		}
		e.do(e.spawn("p", &script{}), func(tn *core.Turn) {
			if _, err := tn.Spawn("", echo{}); err == nil {
				t.Error("a child without a name was spawned")
			}
		})
		if v, err := core.Ask(context.Background(), a, &double{N: 1}); v != 2 || err != nil {
			t.Errorf("the first of the name: %d, %v", v, err)
		}
	})
}

func TestLogNamesTheActor(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.child(e.spawn("a", &script{}), "b", &script{})
		e.do(ref, func(tn *core.Turn) { tn.Log().Info("hello") })
		got := e.logs.FilterMessage("hello").All()
		if len(got) != 1 || got[0].ContextMap()["actor"] != "a/b" {
			t.Errorf("logs: %v", got)
		}
	})
}

func TestTreeShowsAHangingActor(t *testing.T) {
	bubble(t, func(e *env) {
		a := e.spawn("a", keeper())
		b := e.child(a, "b", &script{})
		for n := range 3 {
			askFunc(a, &double{N: n})
		}
		e.do(a, func(tn *core.Turn) {
			core.Go(tn, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil }, func(*core.Turn, int, error) {})
		})
		block := make(chan struct{})
		b.Tell(func(*core.Turn) { <-block })
		b.Tell("waits")
		time.Sleep(time.Second)
		got := e.sys.Tree()
		want := []core.ActorInfo{
			{Path: "a", Parked: 1, Pending: 2, Works: 1, Handled: 5},
			{Path: "a/b", Mailbox: 1, Handled: 1, Current: "func(*core.Turn)", Since: time.Second},
		}
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("got %+v, want %+v", got, want)
		}
		close(block)
	}, core.WithSlowTurn(time.Hour))
}
