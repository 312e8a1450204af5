// SPDX-License-Identifier: Apache-2.0

package model

// tries is how often a smaller plan is run before it is taken for one that finds nothing: what clients
// do at the same time comes out in more than one way.
const tries = 6

// shrink makes a plan smaller that has found something, for as long as it finds the same. again runs a
// plan and returns its run.
func shrink(found *run, p plan, budget int, again func(plan) *run) (*run, plan) {
	best := found
	smaller := func(q plan) bool {
		for range tries {
			if budget--; budget < 0 {
				return false
			}
			if r := again(q); r.found() != nil && r.found().kind == found.found().kind {
				best, p = r, q
				return true
			}
		}
		return false
	}
	if q := onlyContainer(p, best); len(flatten(q)) < len(flatten(p)) {
		smaller(q)
	}
	for size := len(flatten(p)) / 2; size > 0; size /= 2 {
		for from := 0; from < len(flatten(p)); {
			if !smaller(without(p, from, size)) {
				from += size
			}
		}
	}
	return best, p
}

// onlyContainer keeps the steps with the container of a finding.
func onlyContainer(p plan, r *run) plan {
	c := r.container()
	out := make(plan, len(p))
	for k, steps := range p {
		for _, s := range steps {
			if s.Container == c {
				out[k] = append(out[k], s)
			}
		}
	}
	return out
}

func flatten(p plan) (all []step) {
	for _, steps := range p {
		all = append(all, steps...)
	}
	return all
}

// without leaves out so many steps, counted over all clients.
func without(p plan, from, size int) plan {
	out := make(plan, len(p))
	n := 0
	for k, steps := range p {
		for _, s := range steps {
			if n < from || n >= from+size {
				out[k] = append(out[k], s)
			}
			n++
		}
	}
	return out
}
