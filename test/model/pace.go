// SPDX-License-Identifier: Apache-2.0

package model

import (
	"os/exec"
	"sync/atomic"
	"time"
)

const (
	// answerLimit is how long an answer may take beside its deadline, on a machine that has time.
	answerLimit = 5 * time.Second
	// usual is what the start of a small program takes there at most.
	usual = 20 * time.Millisecond
	// raceFactor is for agents with the race detector.
	raceFactor = 4
)

// Pace measures how slow the machine is, since others work on it too: by the start of a small program.
type Pace struct {
	factor  int64
	slowest atomic.Int64 // nanoseconds
	ended   chan struct{}
}

// NewPace begins to measure, until Close is called.
func NewPace(race bool) *Pace {
	p := &Pace{factor: 1, ended: make(chan struct{})}
	if race {
		p.factor = raceFactor
	}
	go p.measure()
	return p
}

// Close ends it.
func (p *Pace) Close() { close(p.ended) }

// measure remembers the slowest start, and forgets it slowly.
func (p *Pace) measure() {
	for {
		began := time.Now()
		_ = exec.Command("/bin/busybox", "true").Run()
		p.slowest.Store(max(int64(time.Since(began)), p.slowest.Load()*9/10))
		select {
		case <-p.ended:
			return
		case <-time.After(500 * time.Millisecond): // clock: how often it measures
		}
	}
}

// Limit is how long an answer may take now.
func (p *Pace) Limit() time.Duration {
	slow := max(1, float64(p.slowest.Load())/float64(usual))
	return time.Duration(slow * float64(p.factor) * float64(answerLimit))
}
