// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"time"

	"go.uber.org/zap/zapcore"
)

// StepLimits is how long a step may run before a warning names it, and before it is named again. 0:
// no warning.
type StepLimits [2]time.Duration

// defaultStepLimits are those of a System that is given none.
var defaultStepLimits = StepLimits{5 * time.Second, 30 * time.Second}

// WithStepLimits sets after which times slow steps are warned of (5 s and 30 s unless set).
func WithStepLimits(l StepLimits) Option { return func(s *System) { s.steps.watch.limits = l } }

// watch looks for slow steps. Its timer runs only while one could become slow: an agent that has
// nothing to do does not wake up.
type watch struct {
	limits StepLimits
	timer  *time.Timer
	at     time.Duration // when the timer fires; 0: it is not set
	ended  bool
}

// arm sets the timer for a step that begins now. underWay.mu is held.
func (w *watch) arm(s *System, now time.Duration) {
	if first := w.first(); first > 0 {
		w.fireAt(s, now+first, now)
	}
}

// first is the smaller of the limits that are set.
func (w *watch) first() time.Duration {
	if w.limits[0] > 0 && (w.limits[1] <= 0 || w.limits[0] < w.limits[1]) {
		return w.limits[0]
	}
	return w.limits[1]
}

func (w *watch) fireAt(s *System, at, now time.Duration) {
	if w.ended || w.at != 0 && w.at <= at {
		return
	}
	w.at = at
	if w.timer == nil {
		w.timer = time.AfterFunc(at-now, s.warnOfSlow)
		return
	}
	w.timer.Reset(at - now)
}

// end stops the watch for good.
func (w *watch) end() {
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// warnOfSlow warns of the steps that have become slow, and sets the timer for the next.
func (s *System) warnOfSlow() {
	now := s.now()
	var slow []record
	u := &s.steps
	u.mu.Lock()
	u.watch.at = 0
	for r := u.newest; r != nil; r = r.next {
		passed, next := u.watch.passed(now - r.since)
		if passed > r.warned && r.shown() && !u.hasInner(r) {
			if r.warned == 0 {
				u.counts[r.kind].Slow++
			}
			r.warned = passed
			slow = append(slow, *r)
		}
		if next > 0 {
			u.watch.fireAt(s, r.since+next, now)
		}
	}
	u.mu.Unlock()
	for _, r := range slow {
		v := r.view(now)
		level := zapcore.WarnLevel
		if stepTable[r.kind].Long {
			level = zapcore.InfoLevel
		}
		s.log.Log(level, v.warning(), r.fields()[1:]...)
	}
}

// passed is how many of the limits a step has passed, and which comes next; 0 for none.
func (w *watch) passed(took time.Duration) (n uint8, next time.Duration) {
	for _, l := range w.limits {
		switch {
		case l <= 0:
		case took >= l:
			n++
		case next == 0 || l < next:
			next = l
		}
	}
	return n, next
}

// hasInner tells whether a step of an outer one is under way: that is the one to be named. u.mu is
// held.
func (u *underWay) hasInner(outer *record) bool {
	if !stepTable[outer.kind].Outer {
		return false
	}
	for r := u.newest; r != nil && r != outer; r = r.next {
		if r.origin == outer.origin && (r.origin != nil || r.actor == outer.actor) && r.shown() {
			return true
		}
	}
	return false
}

// warning is the line about a slow step.
func (v StepView) warning() string {
	verb := "has run"
	if v.Kind == StepQueued {
		verb = "has waited"
	}
	return fmt.Sprintf("%s: %s %s for %s", v.Subject(), v, verb, seconds(v.For))
}

// seconds is a time in whole seconds: "5 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d/time.Second)) }
