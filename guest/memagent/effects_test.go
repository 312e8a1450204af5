// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"fmt"
	"testing"
	"time"
)

// TestEachReclaimSetting: a round that differs in one setting does something else, and what the
// option of that name in docs/configuration.md says.
func TestEachReclaimSetting(t *testing.T) {
	const swapped = "1048576 swappiness=0"
	for option, tc := range map[string]struct {
		change func(s *Memcg)
		rounds int           // after this many, eviction is looked for
		stall  time.Duration // of the container in the last period
		with   string        // what is reclaimed with the change; without it nothing, or swapped
		bare   string
	}{
		"mem_agent_memcg_swap": {
			change: func(s *Memcg) { s.Swap = true }, rounds: 3, with: "2097152 swappiness=50", bare: swapped,
		},
		"mem_agent_memcg_swappiness_max": {
			change: func(s *Memcg) { s.Swap, s.SwappinessMax = true, 10 }, rounds: 3, with: "2097152 swappiness=10", bare: swapped,
		},
		"mem_agent_memcg_period_psi_percent_limit": {
			change: func(s *Memcg) { s.PeriodPressure = 20 }, rounds: 3, stall: time.Second, with: swapped,
		},
		"mem_agent_memcg_eviction_run_aging_count_min": {
			change: func(s *Memcg) { s.MinAgings = 2 }, rounds: 2, with: swapped,
		},
	} {
		t.Run(option, func(t *testing.T) {
			changed := settings
			tc.change(&changed)
			for s, want := range map[Memcg]string{settings: tc.bare, changed: tc.with} {
				g := newTree(t)
				g.unified()
				g.write("proc/meminfo", "MemFree: 40000 kB\nSwapTotal: 90000 kB\nSwapFree: 90000 kB\n")
				g.container("c", 1<<20, 1<<20)
				r := NewReclaimer(g.Places, g.now)
				g.rounds(r, s, tc.rounds-1)
				g.stall("cgroup/c/memory.pressure", tc.stall)
				g.rounds(r, s, 1)
				if got := g.read("cgroup/c/memory.reclaim"); got != want {
					t.Errorf("with %+v %q was reclaimed, want %q", s, got, want)
				}
			}
		})
	}
}

// TestEvictionPressureSetting: an eviction goes on as long as the container waits for less than the
// share of the time that mem_agent_memcg_eviction_psi_percent_limit says.
func TestEvictionPressureSetting(t *testing.T) {
	for limit, want := range map[uint8]Evicted{
		5:  {Groups: 1, Stopped: 1, Pages: stepPages},
		20: {Groups: 1, Pages: (100 << 20) / pageSize},
	} {
		g := newTree(t)
		g.unified()
		g.container("c", 100<<20, 0)
		s := settings
		s.MinAgings, s.EvictionPressure, s.PeriodPressure = 0, limit, 100
		waited := time.Duration(0)
		r := NewReclaimer(g.Places, func() time.Time {
			waited += 100 * time.Millisecond // of each second
			g.stall("cgroup/c/memory.pressure", waited)
			g.at = g.at.Add(time.Second)
			return g.at
		})
		if done := g.rounds(r, s, 1); done != want {
			t.Errorf("limit %d %%: did %+v, want %+v", limit, done, want)
		}
	}
}

// TestEachCompactSetting does the same for compaction: with the change it is done in a round in which
// it is not done without.
func TestEachCompactSetting(t *testing.T) {
	for option, tc := range map[string]struct {
		change func(s *Compact)
		stall  time.Duration // of the guest in the last period
		small  int           // pages in small blocks in the last round; before they were 100
		rounds int
	}{
		"mem_agent_compact_period_psi_percent_limit": {
			change: func(s *Compact) { s.PeriodPressure = 20 }, stall: time.Second, small: 300, rounds: 1,
		},
		"mem_agent_compact_order":       {change: func(s *Compact) { s.Order = 3 }, small: 197, rounds: 1},
		"mem_agent_compact_threshold":   {change: func(s *Compact) { s.Threshold = 10 }, small: 150, rounds: 1},
		"mem_agent_compact_force_times": {change: func(s *Compact) { s.ForceTimes = 3 }, small: 100, rounds: 4},
	} {
		t.Run(option, func(t *testing.T) {
			changed := compacting
			tc.change(&changed)
			for s, want := range map[Compact]int{compacting: 1, changed: 2} {
				if got := compactions(t, s, tc.rounds, tc.small, tc.stall); got != want {
					t.Errorf("with %+v there were %d compactions, want %d", s, got, want)
				}
			}
		})
	}
}

// compactions counts those of a first round that has a reason, and of the rounds after it.
func compactions(t *testing.T, s Compact, rounds, small int, stall time.Duration) (runs int) {
	g := newTree(t)
	c := g.compactor(&runs)
	round := func(s Compact) {
		g.at = g.at.Add(s.Period)
		if _, err := c.Round(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	first := compacting
	round(first) // the first look
	round(first)
	g.write("proc/pagetypeinfo", fmt.Sprintf(pageTypes, small))
	g.stall("proc/pressure/io", stall)
	for range rounds {
		round(s)
	}
	return runs
}
