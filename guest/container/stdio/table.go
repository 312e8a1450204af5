// SPDX-License-Identifier: Apache-2.0

package stdio

import "slices"

// key names an entry of a table. The zero key names none.
type key struct {
	index      int32
	generation int32
}

// table finds what an event belongs to. An event that was on its way when its entry was
// removed carries an old generation and finds nothing.
type table struct {
	entries []entry
	free    []int32
	oldest  int32 // generations of new entries start above it
}

type entry struct {
	watched    watched
	generation int32
}

func (t *table) put(w watched) key {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		t.entries[i].watched = w
		return key{i, t.entries[i].generation}
	}
	t.entries = append(t.entries, entry{watched: w, generation: t.oldest + 1})
	return key{int32(len(t.entries) - 1), t.oldest + 1}
}

func (t *table) get(k key) watched {
	if int(k.index) >= len(t.entries) || t.entries[k.index].generation != k.generation {
		return nil
	}
	return t.entries[k.index].watched
}

func (t *table) remove(k key) bool {
	if t.get(k) == nil {
		return false
	}
	e := &t.entries[k.index]
	e.watched = nil
	e.generation = max(e.generation+1, 1)
	t.free = append(t.free, k.index)
	t.shrink()
	return true
}

// shrink gives back what a burst of streams took, once the last of them has gone and at
// most the first entry, which is the poller's own, is left. New generations start above
// all old ones, so that late events still find nothing.
func (t *table) shrink() {
	keep := 0
	if t.entries[0].watched != nil {
		keep = 1
	}
	if len(t.entries) <= 1024 || len(t.entries)-len(t.free) > keep {
		return
	}
	for _, e := range t.entries {
		t.oldest = max(t.oldest, e.generation)
	}
	t.entries, t.free = slices.Clone(t.entries[:keep]), nil
}

func (t *table) all() []watched {
	var all []watched
	for _, e := range t.entries {
		if e.watched != nil {
			all = append(all, e.watched)
		}
	}
	return all
}
