// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// spareRecords is how many records of steps are kept to be used again.
const spareRecords = 64

// underWay is the table of the steps under way, the newest first.
type underWay struct {
	mu     sync.Mutex
	newest *record
	spare  *record
	spares int
	watch  watch
	counts [stepCount]StepCount
}

// StepCount counts the steps of a kind.
type StepCount struct {
	Kind  StepKind
	Begun uint64
	Slow  uint64 // of which a warning was given
}

// add enters a copy of r, since now.
func (u *underWay) add(s *System, values record) *record {
	now := s.now()
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.spare
	if r != nil {
		u.spare = r.next
		u.spares--
	} else {
		r = new(record)
	}
	*r = values
	r.since, r.next = now, u.newest
	if r.next != nil {
		r.next.prev = r
	}
	u.newest = r
	u.counts[r.kind].Begun++
	u.watch.arm(s, now)
	return r
}

func (u *underWay) remove(r *record) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		u.newest = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
	*r = record{}
	if u.spares < spareRecords {
		r.next, u.spare = u.spare, r
		u.spares++
	}
}

// end ends the watch for slow steps.
func (u *underWay) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.watch.end()
}

// copies are the records of what is under way, the newest first.
func (u *underWay) copies() []record {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []record
	for r := u.newest; r != nil; r = r.next {
		all = append(all, *r)
	}
	return all
}

// StepView is a step under way.
type StepView struct {
	Kind      StepKind
	Object    string
	Actor     string // whose work it is, or for whom a request waits; "" for none
	Container string // what it is about; "" for none
	Exec      string
	Method    string // the request that it is done for; "" for none
	Peer      string // the connection that has asked; "" for none
	For       time.Duration
}

// String is the step in words: "mount /x", "queued behind pause".
func (v StepView) String() string {
	if v.Object == "" {
		return v.Kind.String()
	}
	return v.Kind.String() + " " + v.Object
}

// Subject is whom it is about: "container c1", or the request, or the actor.
func (v StepView) Subject() string {
	switch {
	case v.Container != "" && v.Exec != "" && v.Exec != v.Container:
		return "container " + v.Container + ", exec " + v.Exec
	case v.Container != "":
		return "container " + v.Container
	case v.Method != "":
		return v.Method
	}
	return v.Actor
}

// Steps lists what is under way, the oldest first. Like Tree it takes no turn.
func (s *System) Steps() []StepView {
	now := s.now()
	all := s.steps.copies()
	views := make([]StepView, 0, len(all))
	for _, r := range slices.Backward(all) {
		if r.shown() {
			views = append(views, r.view(now))
		}
	}
	return views
}

// StepCounts counts the steps there have been, by kind.
func (s *System) StepCounts() []StepCount {
	s.steps.mu.Lock()
	defer s.steps.mu.Unlock()
	all := s.steps.counts
	for k := range all {
		all[k].Kind = StepKind(k)
	}
	return slices.Clone(all[StepNone+1:])
}

// shown is false for a request that its actor has begun to handle.
func (r *record) shown() bool { return r.call == nil || r.call.queued() }

func (r *record) view(now time.Duration) StepView {
	v := StepView{Kind: r.kind, Object: r.object, For: now - r.since}
	if r.actor != nil {
		v.Actor = r.actor.path
	}
	if r.call != nil {
		v.Actor, v.Object = r.call.place()
	}
	if o := r.origin; o != nil {
		v.Container, v.Exec, v.Method = o.Container, o.Exec, o.Method
		if o.Peer != nil {
			v.Peer = o.Peer.String()
		}
	}
	if v.Container == "" {
		v.Container = containerOf(v.Actor)
	}
	return v
}

// containerOf is the container in the path of an actor, "" for none.
func containerOf(actor string) string {
	_, rest, _ := strings.Cut(actor, "/container/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}
