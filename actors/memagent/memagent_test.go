// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/guest/memagent"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// rounds counts the rounds of both parts, and has what the next ones give.
type rounds struct {
	evictions   []memagent.Memcg
	compactions []memagent.Compact
	err         error
	ctx         error
}

type reclaimer struct{ *rounds }

func (r reclaimer) Round(ctx context.Context, s memagent.Memcg) (memagent.Evicted, error) {
	r.evictions, r.ctx = append(r.evictions, s), ctx.Err()
	return memagent.Evicted{}, errors.Join(r.err, ctx.Err())
}

type compactor struct{ *rounds }

func (c compactor) Round(ctx context.Context, s memagent.Compact) (memagent.Compacted, error) {
	c.compactions, c.ctx = append(c.compactions, s), ctx.Err()
	return memagent.Compacted{}, errors.Join(c.err, ctx.Err())
}

func newActor(t *testing.T) (*coretest.Actor, *rounds) {
	r := &rounds{}
	a := coretest.New(t, New(Options{
		Reclaimer: reclaimer{r}, Compactor: compactor{r},
		Memcg: memagent.Memcg{Period: time.Minute}, Compact: memagent.Compact{Period: time.Hour},
	}))
	a.Tell(Start())
	return a, r
}

func ptr[T any](v T) *T { return &v }

// periods are those of the timers.
func periods(a *coretest.Actor) (all []time.Duration) {
	for _, timer := range a.Timers() {
		all = append(all, timer.After)
	}
	return all
}

func wantPeriods(t *testing.T, a *coretest.Actor, when string, want ...time.Duration) {
	t.Helper()
	if got := periods(a); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: timers of %v, want %v", when, got, want)
	}
}

// TestRounds: each part has its period, and the next one begins when the round has ended.
func TestRounds(t *testing.T) {
	a, r := newActor(t)
	wantPeriods(t, a, "at the start", time.Minute, time.Hour)
	a.Timers()[0].Fire()
	wantPeriods(t, a, "during a round", time.Hour)
	if len(r.evictions) != 0 {
		t.Error("a round was done in a turn")
	}
	a.Work(0).Run()
	wantPeriods(t, a, "after a round", time.Hour, time.Minute)
	a.Timers()[0].Fire()
	a.Work(0).Run()
	wantPeriods(t, a, "after both", time.Minute, time.Hour)
	if len(r.evictions) != 1 || len(r.compactions) != 1 {
		t.Errorf("%d evictions and %d compactions, want one each", len(r.evictions), len(r.compactions))
	}
}

// TestSet: settings hold from the next round on, a new period begins at once.
func TestSet(t *testing.T) {
	a, r := newActor(t)
	if _, err := coretest.Ask(a, &SetMemcg{Change: memagent.MemcgChange{PeriodSecs: ptr(uint64(5)), Swap: ptr(true)}}).Get(); err != nil {
		t.Fatal(err)
	}
	wantPeriods(t, a, "after a new period", time.Hour, 5*time.Second)
	if _, err := coretest.Ask(a, &SetMemcg{Change: memagent.MemcgChange{MinAgings: ptr(uint64(9))}}).Get(); err != nil {
		t.Fatal(err)
	}
	wantPeriods(t, a, "after another setting", time.Hour, 5*time.Second)
	a.Timers()[1].Fire()
	a.Work(0).Run()
	if got := r.evictions[0]; !got.Swap || got.MinAgings != 9 || got.Period != 5*time.Second {
		t.Errorf("the round had the settings %+v", got)
	}
	_, err := coretest.Ask(a, &SetCompact{Change: memagent.CompactChange{PeriodSecs: ptr(uint64(1)), Order: ptr(uint32(99))}}).Get()
	if !errors.Is(err, memagent.ErrSetting) {
		t.Errorf("a bad order: %v, want %v", err, memagent.ErrSetting)
	}
	wantPeriods(t, a, "after a bad setting", time.Hour, 5*time.Second)
}

// TestDisabledIsNothing: what is off has no timer and no work, and its round ends.
func TestDisabledIsNothing(t *testing.T) {
	a, r := newActor(t)
	off, on := &SetMemcg{Change: memagent.MemcgChange{Disabled: ptr(true)}}, &SetMemcg{Change: memagent.MemcgChange{Disabled: ptr(false)}}
	a.Timers()[0].Fire()
	coretest.Ask(a, off)
	a.Work(0).Run()
	if !errors.Is(r.ctx, context.Canceled) {
		t.Errorf("the round's context is %v, want its end", r.ctx)
	}
	coretest.Ask(a, &SetCompact{Change: memagent.CompactChange{Disabled: ptr(true)}})
	wantPeriods(t, a, "with both off")
	if n := len(a.Works()); n != 0 {
		t.Errorf("%d works with both off", n)
	}
	coretest.Ask(a, on)
	wantPeriods(t, a, "with eviction on again", time.Minute)
}

// TestChangesDuringARound: a round that is ended and wanted again is followed by the next.
func TestChangesDuringARound(t *testing.T) {
	a, _ := newActor(t)
	a.Timers()[0].Fire()
	coretest.Ask(a, &SetMemcg{Change: memagent.MemcgChange{Disabled: ptr(true)}})
	coretest.Ask(a, &SetMemcg{Change: memagent.MemcgChange{Disabled: ptr(false), PeriodSecs: ptr(uint64(7))}})
	wantPeriods(t, a, "before its end", time.Hour)
	a.Work(0).Run()
	wantPeriods(t, a, "after its end", time.Hour, 7*time.Second)
}

// TestWhatTheKernelLacks: one warning, then the part is off. The other goes on.
func TestWhatTheKernelLacks(t *testing.T) {
	a, r := newActor(t)
	r.err = fmt.Errorf("%w: no compaction", memagent.ErrMissing)
	a.Timers()[1].Fire()
	a.Work(0).Run()
	wantPeriods(t, a, "without compaction", time.Minute)
	if _, err := coretest.Ask(a, &SetCompact{Change: memagent.CompactChange{PeriodSecs: ptr(uint64(5))}}).Get(); err != nil {
		t.Errorf("a setting of what is missing: %v", err)
	}
	wantPeriods(t, a, "after a setting", time.Minute)
	r.err = errors.New("a failure")
	for range 2 {
		a.Timers()[0].Fire()
		a.Work(0).Run()
		wantPeriods(t, a, "after a failure", time.Minute)
	}
	a.Timers()[0].Fire()
	a.Work(0).Complete(nil, errors.New("a panic"))
	wantPeriods(t, a, "after a panic", time.Minute)
	if !a.Alive() {
		t.Error("the actor has died")
	}
}

// TestOneWarning: what the kernel lacks is said once, and not asked for again.
func TestOneWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen, logs := observer.New(zap.InfoLevel)
		r := &rounds{err: fmt.Errorf("%w: no compaction", memagent.ErrMissing)}
		system := core.NewSystem(zap.New(seen))
		ref, err := system.Spawn("memagent", New(Options{
			Reclaimer: reclaimer{r}, Compactor: compactor{&rounds{}},
			Memcg: memagent.Memcg{Period: time.Minute}, Compact: memagent.Compact{Period: time.Minute, Disabled: true},
		}))
		if err != nil {
			t.Fatal(err)
		}
		ref.Tell(Start())
		time.Sleep(time.Hour) // clock: the bubble's
		if _, err := core.Ask(t.Context(), ref, &SetMemcg{Change: memagent.MemcgChange{PeriodSecs: ptr(uint64(9))}}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour) // clock: the bubble's
		if err := system.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if len(r.evictions) != 1 || logs.Len() != 1 || logs.All()[0].Level != zap.WarnLevel {
			t.Errorf("%d rounds and the lines %v, want one of each", len(r.evictions), logs.All())
		}
	})
}
