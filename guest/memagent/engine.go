// SPDX-License-Identifier: Apache-2.0

package memagent

import "fmt"

// engine is the best way to evict that the kernel has.
func (p Places) engine() (engine, error) {
	own, err := p.ownGroup()
	if err != nil {
		return nil, err
	}
	generations, first := openGenerations(p, own)
	if first == nil {
		return generations, nil
	}
	inactive, second := openInactive(p, own)
	if second == nil {
		return inactive, nil
	}
	return nil, fmt.Errorf("%w: no multi-generational LRU (%w) and no memory.reclaim of cgroup v2 (%w)", ErrMissing, first, second)
}

// swappable says whether anonymous memory may be and can be swapped.
func (p Places) swappable(s Memcg) (bool, error) {
	if !s.Swap || s.SwappinessMax == 0 {
		return false, nil
	}
	free, err := p.meminfo("SwapFree")
	return free > 0, err
}

// swappiness is the share of anonymous memory in what is cold, in two hundredths, at most
// what is set and at least 1: 0 would mean none.
func swappiness(anon, file uint64, s Memcg) uint64 {
	share := uint64(maxSwappiness)
	if file > 0 {
		share = anon * maxSwappiness / (anon + file)
	}
	return max(1, min(share, uint64(s.SwappinessMax), maxSwappiness))
}
