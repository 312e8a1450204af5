// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"
)

// askWords is a request that its actor answers after it was parked once.
type askWords struct {
	Call[string]
	park bool
}

// parker parks a request until the next one comes.
type parker struct{}

func (parker) Receive(t *Turn, m Message) {
	ask, ok := m.(*askWords)
	switch {
	case !ok:
	case ask.park:
		ask.park = false
		t.Park()
	default:
		ask.Reply("done", nil)
		t.Unpark()
	}
}

func (parker) Stopped(error) {}

// queueWatcher is an observer of waits.
type queueWatcher struct {
	waits chan string
	takes chan time.Time
}

func (w queueWatcher) Waits(_ context.Context, actor, request string) func(time.Time) {
	w.waits <- actor + " " + request
	return func(at time.Time) { w.takes <- at }
}

func (queueWatcher) Begins(ctx context.Context, _ StepKind, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// TestObserve: an observer is told when a request begins to wait, and once when a turn has taken it.
func TestObserve(t *testing.T) {
	s := NewSystem(zap.NewNop())
	defer s.Stop(context.Background())
	ref, err := s.Spawn("parker", parker{})
	if err != nil {
		t.Fatal(err)
	}
	waits, takes := make(chan string, 10), make(chan time.Time, 10)
	ctx := Observe(t.Context(), queueWatcher{waits, takes})
	parked := make(chan error, 1)
	first := &askWords{park: true}
	go func() {
		_, err := Ask(ctx, ref, first)
		parked <- err
	}()
	if got, want := <-waits, "parker *core.askWords"; got != want {
		t.Errorf("told of %q, want %q", got, want)
	}
	// It stays parked until another one is answered.
	for done := false; !done; {
		if _, err := Ask(t.Context(), ref, &askWords{}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-parked:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
	}
	<-takes
	if _, err := Ask(ctx, ref, &askWords{}); err != nil {
		t.Fatal(err)
	}
	<-waits
	<-takes
	if len(waits) > 0 || len(takes) > 0 {
		t.Errorf("%d more waits and %d more takes, want none", len(waits), len(takes))
	}
}

// TestNobodyObserves: without an observer an Ask allocates nothing for one.
func TestNobodyObserves(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := &askWords{}
	if n := testing.AllocsPerRun(100, func() { observed(ctx, Ref{}, m) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// TestClaim: a claimed call gets its reply though its asker has given up meanwhile, and one whose asker
// has gone cannot be claimed.
func TestClaim(t *testing.T) {
	var claimed Call[int]
	claimed.ch = make(chan reply[int], 1)
	if !claimed.Claim() {
		t.Fatal("an open call cannot be claimed")
	}
	if claimed.Claim() {
		t.Error("it can be claimed twice")
	}
	if claimed.head.cancel() {
		t.Error("it was canceled after it had been claimed: its asker does not wait for the reply")
	}
	claimed.Reply(7, nil)
	claimed.Reply(8, nil)
	if r := <-claimed.ch; r.v != 7 || r.err != nil {
		t.Errorf("%v, want 7", r)
	}
	var gone Call[int]
	gone.head.cancel()
	if gone.Claim() {
		t.Error("a canceled call can be claimed")
	}
	var answered Call[int]
	answered.Reply(1, nil)
	if answered.Claim() {
		t.Error("an answered call can be claimed")
	}
}
