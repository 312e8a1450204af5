// SPDX-License-Identifier: Apache-2.0

package core

import (
	"sync/atomic"
	"time"
)

// timer is the message of an After. It is spent when it is handled or canceled.
type timer struct {
	a     *actor
	m     Message
	t     stopper
	spent atomic.Bool
}

// stopper is a *time.Timer, or the stepper's.
type stopper interface{ Stop() bool }

func (a *actor) after(d time.Duration, m Message) (cancel func()) {
	tm := &timer{a: a, m: m}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gate != open {
		return func() {} // stopping: nothing will be handled
	}
	x := a.extra()
	if x.timers == nil {
		x.timers = make(map[*timer]struct{})
	}
	x.timers[tm] = struct{}{}
	tm.t = a.sys.startTimer(tm, d)
	return func() { tm.take() }
}

// take is true once: for the turn that handles the timer, unless it was canceled.
func (tm *timer) take() bool {
	if tm.spent.Swap(true) {
		return false
	}
	tm.a.mu.Lock()
	defer tm.a.mu.Unlock()
	tm.t.Stop()
	if x := tm.a.x; x != nil {
		delete(x.timers, tm)
	}
	return true
}

func (s *System) startTimer(tm *timer, d time.Duration) stopper {
	if s.stepper != nil {
		return s.stepper.armed(tm, d)
	}
	return time.AfterFunc(d, func() { tm.a.post(tm) })
}
