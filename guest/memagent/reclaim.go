// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Reclaimer evicts cold memory. It remembers the cgroups between rounds, and has one caller
// at a time.
type Reclaimer struct {
	places Places
	now    func() time.Time
	engine engine
	seen   map[group]*history
}

// Evicted is what a round has done.
type Evicted struct {
	Groups  int    // cgroups that were looked at
	Busy    int    // those of them that were left alone for their pressure
	Stopped int    // those whose eviction ended early for its pressure
	Pages   uint64 // pages that the kernel was told to evict
}

// group is one cgroup in one life of it.
type group struct {
	path string // from the root of the hierarchy
	id   uint64
}

// history is what is remembered of a cgroup.
type history struct {
	agings uint64
	last   sample
}

// engine is a way to evict.
type engine interface {
	// groups lists the cgroups that may be reclaimed from, leaving out the agent's.
	groups() ([]group, error)
	// age lets pages grow older that were not used since the last time.
	age(group, Memcg) error
	// evict evicts cold pages in steps while more says yes, and counts them.
	evict(g group, s Memcg, more func() (bool, error)) (uint64, error)
	// dir is where the pressure of a cgroup is, "" where it has none of its own.
	dir(group) string
}

// NewReclaimer makes one. now reads the monotonic clock, as [time.Now] does.
func NewReclaimer(p Places, now func() time.Time) *Reclaimer {
	return &Reclaimer{places: p, now: now, seen: map[group]*history{}}
}

// Round ages each cgroup, and evicts from those that have been aged often enough. One that is
// removed meanwhile is nothing special; what goes wrong with another does not keep the rest
// from their turn. An error with [ErrMissing] means that no later round will do better.
func (r *Reclaimer) Round(ctx context.Context, s Memcg) (Evicted, error) {
	var done Evicted
	if r.engine == nil {
		e, err := r.places.engine()
		if err != nil {
			return done, err
		}
		r.engine = e
	}
	groups, err := r.engine.groups()
	if err != nil {
		return done, err
	}
	r.forget(groups)
	var errs []error
	for _, g := range groups {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		done.Groups++
		err := r.visit(ctx, g, s, &done)
		if errors.Is(err, ErrMissing) {
			return done, err
		}
		if !isGone(err) {
			errs = append(errs, err)
		}
	}
	return done, errors.Join(errs...)
}

func (r *Reclaimer) visit(ctx context.Context, g group, s Memcg, done *Evicted) error {
	now, err := r.places.pressure(r.engine.dir(g), r.now)
	if err != nil {
		return err
	}
	h := r.seen[g]
	if h == nil {
		h = &history{}
		r.seen[g] = h
	}
	before := h.last
	h.last = now
	if now.percentSince(before) > uint64(s.PeriodPressure) {
		done.Busy++
		return nil
	}
	if err := r.engine.age(g, s); err != nil {
		return err
	}
	h.agings++
	if h.agings < s.MinAgings {
		return nil
	}
	pages, err := r.engine.evict(g, s, func() (bool, error) {
		current, err := r.places.pressure(r.engine.dir(g), r.now)
		if err != nil || ctx.Err() != nil {
			return false, err
		}
		if current.percentSince(now) > uint64(s.EvictionPressure) {
			done.Stopped++
			return false, nil
		}
		return true, nil
	})
	done.Pages += pages
	return err
}

// forget drops what is remembered of cgroups that are gone.
func (r *Reclaimer) forget(alive []group) {
	kept := make(map[group]*history, len(alive))
	for _, g := range alive {
		if h := r.seen[g]; h != nil {
			kept[g] = h
		}
	}
	r.seen = kept
}

// isGone is true for nil and for what the kernel says of a cgroup that has been removed.
func isGone(err error) bool {
	return err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ESRCH)
}

var pageSize = uint64(os.Getpagesize())

// stepPages is how much is evicted between two looks at the pressure: 4 MiB with pages of 4 KiB.
const stepPages = 1024
