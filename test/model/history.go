// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxStates bounds the set of states. A container that may be in more is not looked at any more: it is
// no finding.
const maxStates = 30000

// history follows one container. The caller sees to it that only one method runs at a time.
type history struct {
	id    string
	set   map[state]struct{}
	calls [maxPending]*call
	runs  [256]*program
	next  int // run
	blind bool
}

func newHistory(id string) *history {
	return &history{id: id, set: map[state]struct{}{{}: {}}}
}

// room tells whether another call may be made.
func (h *history) room() bool {
	h.tidy()
	for _, c := range h.calls {
		if c == nil {
			return !h.blind && h.next < 255
		}
	}
	return false
}

// tidy forgets calls that nobody waits for and that are over in every state.
func (h *history) tidy() {
	for i, c := range h.calls {
		if c == nil || c.loss == kept {
			continue
		}
		open := false
		for s := range h.set {
			open = open || s.pending[i].at != free
		}
		if !open {
			h.calls[i] = nil
		}
	}
}

// request is a call that is about to be made; there is room for it.
func (h *history) request(c *call) {
	place := -1
	for i := range h.calls {
		if h.calls[i] == nil {
			place = i
		}
	}
	h.calls[place], c.runs = c, &h.runs
	if c.Method == "CreateContainer" || c.Method == "ExecProcess" {
		h.next++
		c.run = uint8(h.next)
		h.runs[c.run] = c.program()
	}
	set := map[state]struct{}{}
	for s := range h.set {
		s.pending[place] = pending{at: sent}
		set[s] = struct{}{}
	}
	h.close(set)
}

// close adds all states that may follow by themselves.
func (h *history) close(set map[state]struct{}) {
	work := make([]state, 0, len(set))
	for s := range set {
		work = append(work, s)
	}
	emit := func(s state) {
		if _, known := set[s]; !known {
			set[s] = struct{}{}
			work = append(work, s)
		}
	}
	for len(work) > 0 && len(set) < maxStates {
		s := work[len(work)-1]
		work = work[:len(work)-1]
		h.follow(s, emit)
	}
	h.set = set
	h.blind = h.blind || len(set) >= maxStates
}

// follow gives what may come next to emit.
func (h *history) follow(s state, emit func(state)) {
	for i, c := range h.calls {
		p := s.pending[i]
		if c == nil || p.at != sent && p.at != begun {
			continue
		}
		rules[c.Method](s, i, c, emit)
		if c.loss != kept && (p.at == sent || p.out == parked) {
			s := s
			s.pending[i] = pending{}
			emit(s)
		}
	}
	for slot := range s.process {
		h.exits(s, slot, emit)
	}
}

// exits gives the ways in which a process may end.
func (h *history) exits(s state, slot int, emit func(state)) {
	p := s.process[slot]
	if p.at != alive {
		return
	}
	with := func(status uint8) {
		e := s
		e.exit(slot, status)
		emit(e)
	}
	if r := h.runs[p.run]; s.mayEnd(slot, &h.runs) {
		with(uint8(max(r.status, 0)))
	}
	if p.may&killed != 0 || slot > 0 && s.ending(&h.runs) {
		with(137)
	}
	if p.may&termed != 0 {
		with(143)
	}
}

// possible are the runs that a slot may lead to.
func (h *history) possible(slot int) map[uint8]bool {
	runs := map[uint8]bool{}
	for s := range h.set {
		if r := s.process[slot].run; r != 0 {
			runs[r] = true
		}
	}
	return runs
}

// answered keeps the states in which a call could have such an answer: fits says which outcomes with which
// status it is. It returns the statuses; none is a finding.
func (h *history) answered(c *call, fits func(outcome, uint8) bool) map[uint8]bool {
	place, statuses := h.place(c), map[uint8]bool{}
	set := map[state]struct{}{}
	for s := range h.set {
		if p := s.pending[place]; p.at == done && fits(p.out, p.status) {
			statuses[p.status] = true
			s.pending[place] = pending{}
			set[s] = struct{}{}
		}
	}
	if len(set) > 0 {
		h.calls[place] = nil
		h.close(set)
	}
	return statuses
}

// lose notes that a call has no other answer any more.
func (h *history) lose(c *call, why loss) bool {
	place := h.place(c)
	c.loss = why
	set := map[state]struct{}{}
	for s := range h.set {
		if p := s.pending[place]; p.at == done {
			if why == expired && p.out == okay && undone(c) {
				continue // a call that has failed so has no effect
			}
			s.pending[place] = pending{}
		}
		set[s] = struct{}{}
	}
	if len(set) == 0 && !h.blind {
		return false
	}
	h.close(set)
	return true
}

// undone tells whether a call that fails for its deadline must leave nothing.
func undone(c *call) bool {
	switch c.Method {
	case "CreateContainer", "ExecProcess", "WaitProcess":
		return true
	}
	return false
}

func (h *history) place(c *call) int {
	for i := range h.calls {
		if h.calls[i] == c {
			return i
		}
	}
	panic("a call that was not requested")
}

// expected are the answers that the states allow to a call.
func (h *history) expected(c *call) string {
	place := h.place(c)
	all := map[string]bool{}
	for s := range h.set {
		if p := s.pending[place]; p.at == done {
			code, text := wording(c, h.id, p.out)
			all[fmt.Sprintf("%s %q %d", code, text, p.status)] = true
		}
	}
	if len(all) == 0 {
		return "\n\tno answer yet"
	}
	return "\n\t" + strings.Join(slices.Sorted(maps.Keys(all)), "\n\t")
}
