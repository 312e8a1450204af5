// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"slices"
	"testing"
)

// asks is a request that is nothing but its number and its context.
type asks struct {
	n   int
	ctx context.Context
}

func (a asks) Context() context.Context { return a.ctx }

func numbers(list []asks) []int {
	var out []int
	for _, a := range list {
		out = append(out, a.n)
	}
	return out
}

// TestWaitersAnswerThoseWhoAreThere in the order in which they asked, and nobody twice.
func TestWaitersAnswerThoseWhoAreThere(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	var w Waiters[asks]
	for n := range 6 {
		a := asks{n, t.Context()}
		if n%2 == 0 {
			a.ctx = left
		}
		w.Add(a)
	}
	leave()
	if first, ok := w.Next(); !ok || first.n != 1 {
		t.Errorf("first: %d, %t; want 1, as 0 has gone", first.n, ok)
	}
	if rest := numbers(w.Take()); !slices.Equal(rest, []int{3, 5}) {
		t.Errorf("the rest: %v, want 3 and 5", rest)
	}
	if _, ok := w.Next(); ok || w.Len() != 0 || w.Take() != nil {
		t.Errorf("%d are left, want none", w.Len())
	}
}

// TestNoWaiterIsThere: all have gone, and none is answered.
func TestNoWaiterIsThere(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	leave()
	var w Waiters[asks]
	w.Add(asks{1, left})
	if a, ok := w.Next(); ok {
		t.Errorf("%d is next, want nobody: it has gone", a.n)
	}
}

// TestWaitersThatHaveGoneDoNotPileUp, however many come with a deadline and go; those who stay
// are kept.
func TestWaitersThatHaveGoneDoNotPileUp(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	leave()
	var w Waiters[asks]
	const stay = 5
	for n := range 10000 {
		if n%2000 == 0 {
			w.Add(asks{n, t.Context()})
		}
		w.Add(asks{-1, left})
		if most := 2*stay + 2*pruneFrom; w.Len() > most {
			t.Fatalf("%d are held after %d, want at most %d", w.Len(), n, most)
		}
	}
	if got := numbers(w.Take()); !slices.Equal(got, []int{0, 2000, 4000, 6000, 8000}) {
		t.Errorf("who stays: %v, want every 2000th", got)
	}
}
