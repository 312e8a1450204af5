// SPDX-License-Identifier: Apache-2.0

package model

import "slices"

// A fault that needs a rare order of events is not seen again when the plan is run once more, however
// often. What was seen can still be made smaller: a call is left out where the other answers are possible
// without it, and for the one that was found the same are expected.

// needed are the events of a run's record that its finding needs.
func (r *run) needed() []event {
	var all []event
	for _, e := range r.record {
		if e.number == r.finding.call || rules[e.step.Method] != nil && e.step.Container == r.container() {
			all = append(all, e)
		}
		if e.number == r.finding.call && !e.begins {
			break
		}
	}
	want := expectedAt(all, r.finding.call)
	if want == "" {
		return all // such as an answer that does not come
	}
	for size := 16; size > 0; size /= 2 {
		for last := len(calls(all)) - 1; last > 0; last-- { // that of the finding comes last
			if last >= len(calls(all)) {
				continue
			}
			drop := calls(all)[max(last-size, 0):last]
			if fewer := withoutCalls(all, drop); expectedAt(fewer, r.finding.call) == want {
				all = fewer
			}
		}
	}
	return all
}

// calls are the numbers of the calls, in their order but for the one that ends the record.
func calls(events []event) (numbers []int) {
	found := events[len(events)-1].number
	for _, e := range events {
		if e.begins && e.number != found {
			numbers = append(numbers, e.number)
		}
	}
	return append(numbers, found)
}

func withoutCalls(events []event, numbers []int) (out []event) {
	for _, e := range events {
		if !slices.Contains(numbers, e.number) {
			out = append(out, e)
		}
	}
	return out
}

// expectedAt is what the model expects in place of the answer to a call, if it finds that impossible and
// no other; else "".
func expectedAt(events []event, number int) string {
	again := map[int]*exchange{}
	var o *object
	for _, e := range events {
		if rules[e.step.Method] == nil {
			return ""
		}
		if o == nil {
			o = newObject(containerOf(e))
		}
		if e.begins {
			x := &exchange{step: e.step, number: e.number, tag: e.tag}
			if !o.enter(x) {
				return ""
			}
			again[e.number] = x
			continue
		}
		x := again[e.number]
		expected := o.history.expected(x.call)
		if o.judge(x, e.answer) == "" {
			continue
		}
		if e.number == number {
			return expected
		}
		return ""
	}
	return ""
}

// containerOf is the id of the container that a call is about.
func containerOf(e event) string {
	return e.message.(interface{ GetContainerId() string }).GetContainerId()
}
