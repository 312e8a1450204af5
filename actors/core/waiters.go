// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"slices"
)

// Waiters is a queue of requests that have no answer yet. Requests whose askers have gone away are
// removed now and then, so that a host that asks again and again with a deadline leaves nothing
// behind. The zero value is empty and ready. One actor owns it.
type Waiters[M interface{ Context() context.Context }] struct {
	list    []M
	pruneAt int // at this length those whose askers have gone away are removed
}

// pruneFrom is the least length at which the queue is pruned. After that it is pruned when it has
// doubled: to search it for each new request would cost the square of its length.
const pruneFrom = 16

// Add appends one.
func (w *Waiters[M]) Add(m M) {
	if len(w.list) >= max(w.pruneAt, pruneFrom) {
		w.list = slices.DeleteFunc(w.list, gone)
		w.pruneAt = 2*len(w.list) + pruneFrom
	}
	w.list = append(w.list, m)
}

// Next removes the requests up to the first one whose asker is still there, and returns that one. ok is
// false if there is none.
func (w *Waiters[M]) Next() (m M, ok bool) {
	for len(w.list) > 0 && !ok {
		m, ok = w.list[0], !gone(w.list[0])
		clear(w.list[:1])
		w.list = w.list[1:]
	}
	return m, ok
}

// Take empties the queue and returns the requests whose askers are still there.
func (w *Waiters[M]) Take() []M {
	list := slices.DeleteFunc(w.list, gone)
	w.list, w.pruneAt = nil, 0
	return list
}

// Len is the length of the queue. Requests whose askers have gone away count until they are removed.
func (w *Waiters[M]) Len() int { return len(w.list) }

func gone[M interface{ Context() context.Context }](m M) bool { return m.Context().Err() != nil }
