// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"context"
	"errors"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/memagent"
	"go.uber.org/zap"
)

// agent is the actor.
type agent struct {
	options    Options
	eviction   part
	compaction part
}

// New makes the behaviour.
func New(o Options) core.Behavior {
	a := &agent{options: o}
	a.eviction = part{name: "eviction", round: a.evict}
	a.compaction = part{name: "compaction", round: a.compact}
	return a
}

// Receive handles one message.
func (a *agent) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case start:
		a.eviction.arm(t, a.evictionPeriod())
		a.compaction.arm(t, a.compactionPeriod())
	case *SetMemcg:
		s, err := m.Change.Apply(a.options.Memcg)
		if err == nil {
			before := a.evictionPeriod()
			a.options.Memcg = s
			a.eviction.change(t, before, a.evictionPeriod())
		}
		m.Reply(struct{}{}, err)
	case *SetCompact:
		s, err := m.Change.Apply(a.options.Compact)
		if err == nil {
			before := a.compactionPeriod()
			a.options.Compact = s
			a.compaction.change(t, before, a.compactionPeriod())
		}
		m.Reply(struct{}{}, err)
	case due:
		m.part.begin(t)
	}
}

// Stopped has nothing to give back.
func (a *agent) Stopped(error) {}

// leastPeriod bounds periods from below: a round looks at every cgroup.
const leastPeriod = time.Second

// evictionPeriod is the time between two rounds, 0 for none.
func (a *agent) evictionPeriod() time.Duration {
	if a.options.Memcg.Disabled {
		return 0
	}
	return max(a.options.Memcg.Period, leastPeriod)
}

func (a *agent) compactionPeriod() time.Duration {
	if a.options.Compact.Disabled {
		return 0
	}
	return max(a.options.Compact.Period, leastPeriod)
}

func (a *agent) evict(t *core.Turn, until context.Context) {
	settings := a.options.Memcg
	core.Go(t, func(actor context.Context) (memagent.Evicted, error) {
		ctx, cancel := core.Join(actor, until)
		defer cancel()
		return a.options.Reclaimer.Round(ctx, settings)
	}, func(t *core.Turn, done memagent.Evicted, err error) {
		t.Log().Debug("round of eviction", zap.Int("cgroups", done.Groups), zap.Int("busy", done.Busy),
			zap.Int("stopped", done.Stopped), zap.Uint64("pages", done.Pages), zap.Error(err))
		a.eviction.ended(t, a.evictionPeriod(), err)
	})
}

func (a *agent) compact(t *core.Turn, until context.Context) {
	settings := a.options.Compact
	core.Go(t, func(actor context.Context) (memagent.Compacted, error) {
		ctx, cancel := core.Join(actor, until)
		defer cancel()
		return a.options.Compactor.Round(ctx, settings)
	}, func(t *core.Turn, done memagent.Compacted, err error) {
		t.Log().Debug("round of compaction", zap.Bool("busy", done.Busy), zap.Bool("done", done.Done),
			zap.NamedError("stopped", done.Stopped), zap.Error(err))
		a.compaction.ended(t, a.compactionPeriod(), err)
	})
}

// due is the message of a part's timer.
type due struct{ part *part }

// part is eviction or compaction: a timer, or a round that is under way, or neither.
type part struct {
	name  string
	round func(t *core.Turn, until context.Context)

	timer   func()             // cancels the timer, nil without one
	end     context.CancelFunc // ends the round under way, nil without one
	missing bool               // the kernel cannot do it
	failed  bool               // the last round failed, which was said
}

// arm begins a period; 0 is none.
func (p *part) arm(t *core.Turn, period time.Duration) {
	if p.timer != nil {
		p.timer()
		p.timer = nil
	}
	if period > 0 && p.end == nil && !p.missing {
		p.timer = t.After(period, due{p})
	}
}

// change follows a change of the settings. After a round the period is the new one anyway.
func (p *part) change(t *core.Turn, before, now time.Duration) {
	if now == 0 && p.end != nil {
		p.end()
		return
	}
	if before != now {
		p.arm(t, now)
	}
}

func (p *part) begin(t *core.Turn) {
	p.timer = nil
	until, end := context.WithCancel(context.Background())
	p.end = end
	p.round(t, until)
}

// ended begins the next period. A kernel that cannot do a part is named once, and so is a
// failure that goes on.
func (p *part) ended(t *core.Turn, period time.Duration, err error) {
	p.end()
	p.end = nil
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, memagent.ErrMissing):
		p.missing = true
		t.Log().Warn("the memory agent goes without "+p.name, zap.Error(err))
	case err != nil && !p.failed:
		p.failed = true
		t.Log().Warn("a round of "+p.name+" failed", zap.Error(err))
	case err == nil:
		p.failed = false
	}
	p.arm(t, period)
}
