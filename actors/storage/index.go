// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/boot/journal"
)

// ErrNotHeld says that a container has released a mount point that it does not hold.
var ErrNotHeld = errors.New("is not held")

// index is the actor that knows every mount point. It keeps the holders; the mount's own
// actor does the mounting, one step after the other.
type index struct {
	mount   Mounter
	journal *journal.Journal
	entries map[string]*entry
	order   []string // of the first attach, for ReleaseAll
}

// entry is one mount point.
type entry struct {
	ref      core.Ref
	holders  map[string]int
	attaches int  // ever, without those that failed
	shared   bool // the host wants it for the life of the sandbox
	kept     bool // its content outlives its containers
	// ending is true from the release of the last holder until the actor has died. Requests
	// that come meanwhile are parked.
	ending bool
}

// New makes the behaviour of the index. j is where the next agent finds what is mounted; nil: it will
// not look.
func New(mount Mounter, j *journal.Journal) core.Behavior {
	return &index{mount: mount, journal: j, entries: map[string]*entry{}}
}

// Receive handles one message.
func (x *index) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case *Attach:
		x.attach(t, m)
	case *Release:
		x.release(t, m)
	case *ReleaseAll:
		x.releaseAll(t, m)
	case *Inherit:
		x.inherit(t, m)
	case kept:
		if e := x.entries[m.mountPoint]; e != nil {
			e.kept = true
			x.note(m.mountPoint)
		}
	case stands:
		x.note(m.mountPoint)
	case failed:
		x.failed(m)
	case stuck:
		x.stuck(t, m)
	case emptied:
		x.drain(m.mountPoint)
	case core.ChildExited:
		x.ended(t, m)
	}
}

func (x *index) attach(t *core.Turn, m *Attach) {
	mp := m.Volume.MountPoint
	if mp == "" {
		m.Reply(struct{}{}, fmt.Errorf("storage with driver %q and source %q has no mount point", m.Volume.Driver, m.Volume.Source))
		return
	}
	e := x.entries[mp]
	if e != nil && e.ending {
		t.ParkBehind(core.StepUnmount)
		return
	}
	if e == nil {
		ref, err := t.Spawn(mp, &mounted{mountPoint: mp, mount: x.mount, index: t.Self()})
		if err != nil {
			m.Reply(struct{}{}, fmt.Errorf("storage %q: %w", mp, err))
			return
		}
		e = &entry{ref: ref, holders: map[string]int{}}
		x.entries[mp] = e
		x.order = append(x.order, mp)
	}
	if e.attaches == 0 {
		e.shared = m.Volume.Shared
	}
	e.holders[m.Holder]++
	e.attaches++
	if e.attaches > 1 {
		x.note(mp) // the first one is noted when it stands
	}
	e.ref.Tell(m)
}

func (x *index) release(t *core.Turn, m *Release) {
	e := x.entries[m.MountPoint]
	if e == nil || e.ending || e.holders[m.Holder] == 0 {
		m.Reply(struct{}{}, fmt.Errorf("storage %q %w by %q", m.MountPoint, ErrNotHeld, m.Holder))
		return
	}
	x.drop(m.MountPoint, m.Holder)
	if len(e.holders) > 0 || (e.shared || e.kept) && !(m.Undo && e.attaches == 1) {
		m.Reply(struct{}{}, nil)
		return
	}
	e.ending = true
	e.ref.Tell(&unmount{ctx: m.Context(), reply: m.Reply})
}

// drop takes one hold of a holder away.
func (x *index) drop(mp, holder string) {
	e := x.entries[mp]
	if e == nil {
		return
	}
	if e.holders[holder]--; e.holders[holder] <= 0 {
		delete(e.holders, holder)
	}
	x.note(mp)
}

// failed takes back a hold whose mount has failed; with the last one the entry goes. Those
// who wait in the mount's mailbox are counted, so it is never ended under them.
func (x *index) failed(m failed) {
	x.drop(m.mountPoint, m.holder)
	if e := x.entries[m.mountPoint]; e != nil {
		e.attaches--
	}
	x.drain(m.mountPoint)
}

// drain ends a mount point that nobody holds.
func (x *index) drain(mp string) {
	if e := x.entries[mp]; e != nil && len(e.holders) == 0 && !e.ending {
		e.ending = true
		e.ref.Tell(&unmount{ctx: context.Background(), reply: func(struct{}, error) {}})
	}
}

// stuck lets others have a place that nobody holds, though something is left there.
func (x *index) stuck(t *core.Turn, m stuck) {
	if e := x.entries[m.mountPoint]; e != nil {
		e.ending, e.shared, e.kept, e.attaches = false, false, false, 0
		clear(e.holders) // it may be the end of the sandbox
		t.Unpark()
	}
}

// ended forgets a mount point whose actor has died: unmounted, or never mounted.
func (x *index) ended(t *core.Turn, m core.ChildExited) {
	for mp, e := range x.entries {
		if e.ref == m.Child {
			delete(x.entries, mp)
			x.forget(mp)
			x.order = without(x.order, mp)
		}
	}
	t.Unpark()
}

func without(list []string, s string) []string {
	out := list[:0]
	for _, l := range list {
		if l != s {
			out = append(out, l)
		}
	}
	return out
}

// releaseAll unmounts one after the other, the latest first, since a later mount may lie below an
// earlier one.
func (x *index) releaseAll(t *core.Turn, m *ReleaseAll) {
	var refs []core.Ref
	for i := len(x.order) - 1; i >= 0; i-- {
		e := x.entries[x.order[i]]
		if e.ending {
			continue
		}
		e.ending = true
		refs = append(refs, e.ref)
	}
	var errs []error
	var next func()
	next = func() {
		if len(refs) == 0 {
			m.Reply(struct{}{}, errors.Join(errs...))
			return
		}
		ref := refs[0]
		refs = refs[1:]
		ref.Tell(&unmount{ctx: m.Context(), reply: func(_ struct{}, err error) {
			errs = append(errs, err)
			next()
		}})
	}
	next()
}

// Stopped has nothing to give back: mounts live and die with the guest.
func (x *index) Stopped(error) {}
