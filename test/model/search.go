// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	fewestClients = 8
	mostClients   = 16
	stepsOfClient = 14
	containers    = 5
	// shrinkRuns bounds the runs that make a finding small.
	shrinkRuns = 150
)

// Search makes plans up and runs them.
type Search struct {
	Target Target
	Seed   uint64
	// Between is called after each plan with its number; an error ends the search. May be nil.
	Between func(plan int) error
	// Keep has findings not made smaller.
	Keep bool

	plans    int
	calls    int64
	blind    int
	slowest  time.Duration
	outcomes map[string]int
}

// Finding is an answer that no state allows.
type Finding struct {
	Text   string
	Plan   int
	Script string // for kata-agent-ctl
}

// Run searches for so long, and returns the first finding, made small; nil if there is none.
func (s *Search) Run(limit time.Duration) (*Finding, error) {
	s.outcomes = map[string]int{}
	for began := time.Now(); time.Since(began) < limit; s.plans++ { // clock: how long to search
		made := &planner{rand.New(rand.NewPCG(s.Seed, uint64(s.plans))), containers}
		p := made.plan(fewestClients+made.IntN(mostClients-fewestClients+1), stepsOfClient)
		r := execute(s.Target, p, containers, fmt.Sprintf("m%d", s.plans))
		s.count(r)
		if r.found() != nil {
			return s.report(r, p), nil
		}
		if s.Between == nil {
			continue
		}
		if err := s.Between(s.plans); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *Search) report(r *run, p plan) *Finding {
	text := r.found().text
	if !s.Keep {
		n := 0
		r, _ = shrink(r, p, shrinkRuns, func(q plan) *run {
			n++
			return execute(s.Target, q, containers, fmt.Sprintf("m%ds%d", s.plans, n))
		})
	}
	return &Finding{Text: text, Plan: s.plans, Script: r.script()}
}

func (s *Search) count(r *run) {
	s.calls += r.calls.Load()
	for k, n := range r.outcomes {
		s.outcomes[k] += n
	}
	for _, o := range r.objects {
		if o.history.blind {
			s.blind++
		}
	}
	s.slowest = max(s.slowest, r.slowest)
}

// String says what has been done.
func (s *Search) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d plans, %d calls, slowest answer %v beside its deadline, %d containers not followed to the end\n",
		s.Seed, s.plans, s.calls, s.slowest.Round(time.Millisecond), s.blind)
	for _, k := range slices.Sorted(maps.Keys(s.outcomes)) {
		fmt.Fprintf(&b, "%7d %s\n", s.outcomes[k], k)
	}
	return b.String()
}
