// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
)

// fixedStarts has so many places, and time that passes when the test says so.
func fixedStarts(places int) (s *Starts, pass func()) {
	s = NewStarts(func() int { return places })
	var over []func()
	s.after = func(_ time.Duration, f func()) func() bool {
		over = append(over, f)
		return func() bool { return true }
	}
	return s, func() {
		s.mu.Lock()
		fs := over
		over = nil
		s.mu.Unlock()
		for _, f := range fs {
			f()
		}
	}
}

// waiting is how many wait.
func (s *Starts) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

func entered(t *testing.T, s *Starts) *place {
	t.Helper()
	p, err := s.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestStartsInOrder: no more at once than there are places, and first come, first served.
func TestStartsInOrder(t *testing.T) {
	s, _ := fixedStarts(2)
	a, b := entered(t, s), entered(t, s)
	order := make(chan int, 3)
	places := make(chan *place, 3)
	for i := range 3 {
		go func() {
			p, err := s.enter(t.Context())
			if err != nil {
				t.Error(err)
			}
			order <- i
			places <- p
		}()
		guard.Until(t, "the next one waits", func() bool { return s.waiting() == i+1 })
	}
	guard.Silent(t, "a third start beside two", order)
	got := []int{}
	for _, p := range []*place{a, b} {
		p.leave()
		got = append(got, guard.Receive(t, "the next start", order))
	}
	(<-places).leave()
	got = append(got, guard.Receive(t, "the last start", order))
	if !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("order %v, want that in which they came", got)
	}
	(<-places).leave()
	(<-places).leave()
	if s.running != 0 {
		t.Errorf("%d places are held by nobody", s.running)
	}
}

// TestStartThatIsGivenUp while it waits leaves the queue.
func TestStartThatIsGivenUp(t *testing.T) {
	s, _ := fixedStarts(1)
	a := entered(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that of the context", err)
	}
	a.leave()
	a.leave() // once more does nothing
	entered(t, s).leave()
	if s.running != 0 || s.waiting() != 0 {
		t.Errorf("%d run and %d wait, want none", s.running, s.waiting())
	}
}

// TestHookHoldsNoPlace: others start while a hook runs, and the start that has it is the next to go on.
func TestHookHoldsNoPlace(t *testing.T) {
	s, _ := fixedStarts(1)
	a := entered(t, s)
	var b *place
	order := make(chan string, 2)
	hooked := make(chan error, 1)
	release := make(chan struct{})
	go func() {
		hooked <- a.without(t.Context(), func() error {
			b = entered(t, s)
			close(release)
			return nil
		})
		order <- "a"
	}()
	guard.Receive(t, "another start beside the hook", release)
	guard.Until(t, "the start waits behind its hook", func() bool { return s.waiting() == 1 })
	go func() {
		c, _ := s.enter(t.Context())
		order <- "c"
		c.leave()
	}()
	guard.Until(t, "one more start waits", func() bool { return s.waiting() == 2 })
	b.leave()
	if first := guard.Receive(t, "the next start", order); first != "a" {
		t.Errorf("%s goes on, want the one with the hook", first)
	}
	if err := <-hooked; err != nil {
		t.Error(err)
	}
	a.leave()
	guard.Receive(t, "the last start", order)
}

// TestStartThatWaits loses its place after a while and keeps nobody up.
func TestStartThatWaits(t *testing.T) {
	s, pass := fixedStarts(1)
	a := entered(t, s)
	pass()
	b := entered(t, s) // a hang if the place was kept
	a.leave()
	if s.running != 1 {
		t.Errorf("%d places are held, want that of the second", s.running)
	}
	b.leave()
}

// TestFailedHook is an error, and nothing is waited for behind it.
func TestFailedHook(t *testing.T) {
	s, _ := fixedStarts(1)
	a := entered(t, s)
	broken := errors.New("broken")
	if err := a.without(t.Context(), func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v, want the hook's error", err)
	}
	a.leave()
	if err := (*place)(nil).without(t.Context(), func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("without a bound: %v, want the hook's error", err)
	}
}
