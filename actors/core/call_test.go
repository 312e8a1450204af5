// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
)

func TestAskInfersTheReplyType(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", echo{})
		v, err := core.Ask(context.Background(), ref, &double{N: 21})
		if v != 42 || err != nil {
			t.Errorf("got %d, %v", v, err)
		}
	})
}

func TestAskWhenAskerDoesNotWait(t *testing.T) {
	bubble(t, func(e *env) {
		var kept *double
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) { kept = m.(*double) }})

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := core.Ask(ctx, ref, &double{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		e.do(ref, func(*core.Turn) {
			if kept.Context().Err() == nil {
				t.Error("the call's context lives after its asker")
			}
			kept.Reply(1, nil) // dropped, harmless
			kept.Reply(2, nil)
		})

		ended, end := context.WithCancel(context.Background())
		end()
		req := &double{}
		if _, err := core.Ask(ended, ref, req); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
		e.do(ref, func(*core.Turn) {
			if kept == req {
				t.Error("a request was told though its context had ended")
			}
		})
	})
}

func TestCallContextIsTheAskers(t *testing.T) {
	type key struct{}
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) {
			d := m.(*double)
			v, _ := d.Context().Value(key{}).(int)
			d.Reply(v, nil)
		}})
		v, err := core.Ask(context.WithValue(context.Background(), key{}, 7), ref, &double{})
		if v != 7 || err != nil {
			t.Errorf("got %d, %v", v, err)
		}
	})
}

func TestAskFuncCancel(t *testing.T) {
	bubble(t, func(e *env) {
		var kept []*double
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) { kept = append(kept, m.(*double)) }})
		early, late := askFunc(ref, &double{}), askFunc(ref, &double{})
		synctest.Wait()
		ctx := kept[0].Context()
		if ctx.Err() != nil {
			t.Error("context of an open call has ended")
		}
		if !early.cancel() {
			t.Error("cancel of an open call is false")
		}
		<-ctx.Done()
		late.cancel()
		<-kept[1].Context().Done() // wanted only after the cancel
		for _, d := range kept {
			d.Reply(1, nil)
		}
		if n, _, _ := early.get(); n != 0 {
			t.Error("deliver was called after cancel")
		}

		answered := askFunc(ref, &double{})
		synctest.Wait()
		kept[2].Reply(5, nil)
		kept[2].Reply(6, nil)
		if answered.cancel() {
			t.Error("cancel of an answered call is true")
		}
		if n, v, _ := answered.get(); n != 1 || v != 5 {
			t.Errorf("delivered %d times, %d", n, v)
		}
	})
}

func TestRequestOnlyTold(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) {
			d := m.(*double)
			if d.Context().Err() != nil {
				t.Error("context has ended")
			}
			d.Reply(1, nil)
		}})
		ref.Tell(&double{})
		synctest.Wait()
		e.do(ref, func(*core.Turn) {})
	})
}

func TestRequestAskedTwiceIsRefused(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", echo{})
		req := &double{N: 1}
		if _, err := core.Ask(context.Background(), ref, req); err != nil {
			t.Error(err)
		}
		if _, err := core.Ask(context.Background(), ref, req); err == nil {
			t.Error("second Ask of one request was answered")
		}
		again := askFunc(ref, req)
		if n, _, err := again.get(); n != 1 || err == nil {
			t.Errorf("second AskFunc: delivered %d times, %v", n, err)
		}
	})
}

func TestZeroRefAddressesNobody(t *testing.T) {
	var ref core.Ref
	ref.Tell("hello")
	<-ref.Done()
	if ref.Path() != "" {
		t.Errorf("path %q", ref.Path())
	}
	if _, err := core.Ask(context.Background(), ref, &double{}); !errors.Is(err, core.ErrStopped) {
		t.Errorf("ask: %v, want %v", err, core.ErrStopped)
	}
	failed(t, "AskFunc", askFunc(ref, &double{}), core.ErrStopped)
	core.AskFunc(ref, &double{}, func(int, error) { panic("deliver") }) // contained
}

func TestAskWaitsForASlotUnderItsContext(t *testing.T) {
	bubble(t, func(e *env) {
		var kept []*double
		ref := e.spawn("a", &script{receive: func(_ *core.Turn, m core.Message) { kept = append(kept, m.(*double)) }})
		results := make(chan error, 3)
		ask := func(ctx context.Context) {
			_, err := core.Ask(ctx, ref, &double{})
			results <- err
		}
		wait, leave := context.WithCancel(context.Background())
		defer leave()
		go ask(wait)
		go ask(wait)
		synctest.Wait()

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		ask(ctx)
		if err := <-results; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("third of two slots: %v, want %v", err, context.DeadlineExceeded)
		}
		free := askFunc(ref, &double{}) // takes none
		synctest.Wait()
		if len(kept) != 3 {
			t.Fatalf("%d requests arrived, want 2 Asks and the AskFunc", len(kept))
		}
		go ask(wait)
		synctest.Wait()
		kept[0].Reply(0, nil) // lets the waiting one in
		synctest.Wait()
		if len(kept) != 4 {
			t.Error("a free slot was not taken")
		}
		for _, d := range kept[1:] {
			d.Reply(0, nil)
		}
		for range 3 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if n, _, _ := free.get(); n != 1 {
			t.Errorf("AskFunc answered %d times", n)
		}
	}, core.WithAskSlots(2))
}

// The outer Asks hold all slots and wait for works that ask in turn.
func TestAskOfAWorkNeedsNoSlot(t *testing.T) {
	bubble(t, func(e *env) {
		inner := e.spawn("inner", echo{})
		outer := e.spawn("outer", &script{receive: func(tn *core.Turn, m core.Message) {
			d := m.(*double)
			core.Go(tn, func(actor context.Context) (int, error) {
				joined, cancel := core.Join(actor, d.Context())
				defer cancel()
				undo, cancelUndo := context.WithTimeout(context.WithoutCancel(joined), time.Second)
				defer cancelUndo()
				for _, ctx := range []context.Context{actor, d.Context(), joined, undo, context.Background()} {
					if _, err := core.Ask(ctx, inner, &double{N: 1}); err != nil {
						return 0, err
					}
				}
				return 1, nil
			}, func(_ *core.Turn, v int, err error) { d.Reply(v, err) })
		}})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := core.Ask(ctx, outer, &double{}); err != nil {
			t.Error(err)
		}
		byFunc := askFunc(outer, &double{})
		synctest.Wait()
		if n, _, err := byFunc.get(); n != 1 || err != nil {
			t.Errorf("under AskFunc: answered %d times, %v", n, err)
		}
	}, core.WithAskSlots(1))
}

func TestDeliverThatPanicsIsNotTheActorsPanic(t *testing.T) {
	bubble(t, func(e *env) {
		ref := e.spawn("a", echo{})
		core.AskFunc(ref, &double{}, func(int, error) { panic("deliver") })
		if v, err := core.Ask(context.Background(), ref, &double{N: 1}); v != 2 || err != nil {
			t.Errorf("got %d, %v", v, err)
		}
		if e.logs.FilterMessage("deliver of a reply panicked").Len() != 1 {
			t.Error("no log of the panic")
		}
	})
}
