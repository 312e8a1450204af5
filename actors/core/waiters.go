// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"slices"
)

// Waiters are requests whose answer is not there yet, in the order in which they came. Those
// whose askers have gone are dropped on the way, so that a host that asks with a deadline again
// and again leaves nothing behind. The zero value is none. It belongs to one actor.
type Waiters[M interface{ Context() context.Context }] struct {
	list    []M
	pruneAt int // how many there are when it is looked again for those that have gone
}

// pruneFrom is the least number of waiters that are looked through. It doubles with those that
// are left: to look through all of them for each new one would cost the square of their number.
const pruneFrom = 16

// Add appends one.
func (w *Waiters[M]) Add(m M) {
	if len(w.list) >= max(w.pruneAt, pruneFrom) {
		w.list = slices.DeleteFunc(w.list, gone)
		w.pruneAt = 2*len(w.list) + pruneFrom
	}
	w.list = append(w.list, m)
}

// Next takes the first one out whose asker is still there. ok tells whether there was one.
func (w *Waiters[M]) Next() (m M, ok bool) {
	for len(w.list) > 0 && !ok {
		m, ok = w.list[0], !gone(w.list[0])
		clear(w.list[:1])
		w.list = w.list[1:]
	}
	return m, ok
}

// Take takes all out, and returns those whose askers are still there.
func (w *Waiters[M]) Take() []M {
	list := slices.DeleteFunc(w.list, gone)
	w.list, w.pruneAt = nil, 0
	return list
}

// Len is how many are held, those that have gone and were not looked at yet among them.
func (w *Waiters[M]) Len() int { return len(w.list) }

func gone[M interface{ Context() context.Context }](m M) bool { return m.Context().Err() != nil }
