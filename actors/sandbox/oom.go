// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"slices"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
)

// oomLimit bounds the kills kept for a host that does not ask; the oldest go first.
const oomLimit = 1000

// oomQueue brings kills and those who ask for them together.
type oomQueue struct {
	kills   []id.Container
	waiting core.Waiters[*NextOOM]
	ended   bool // the pod has: nothing to wait for
}

func (q *oomQueue) ask(m *NextOOM) {
	if len(q.kills) > 0 {
		if m.Answer(q.kills[0], nil) {
			q.kills = q.kills[1:]
		}
		return
	}
	if q.ended {
		m.Reply("", ErrNoMoreOOM)
		return
	}
	q.waiting.Add(m)
}

// add gives a kill to the first who still waits, or keeps it.
func (q *oomQueue) add(c id.Container) {
	if q.give(c) {
		return
	}
	if q.kills = append(q.kills, c); len(q.kills) > oomLimit {
		q.kills = q.kills[1:]
	}
}

// give gives a kill to the first who still waits.
func (q *oomQueue) give(c id.Container) bool {
	for {
		w, ok := q.waiting.Next()
		if !ok || w.Answer(c, nil) {
			return ok
		}
	}
}

// again is for a kill whose answer nobody has got: it is the next one.
func (q *oomQueue) again(c id.Container) {
	if q.give(c) {
		return
	}
	q.kills = slices.Insert(q.kills, 0, c)
}

// end answers all who wait, and those to come.
func (q *oomQueue) end() {
	q.ended = true
	for _, w := range q.waiting.Take() {
		w.Reply("", ErrNoMoreOOM)
	}
}
