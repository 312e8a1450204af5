// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"sync/atomic"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"go.uber.org/zap"
)

func (c *container) start(t *core.Turn, m *Start) {
	if err := c.allow("start", created); err != nil {
		m.Reply(struct{}{}, err)
		return
	}
	rt, log := c.os, t.Log()
	c.work(t, core.StepStart, &m.Call, func(ctx context.Context) error {
		c.watchOOM(rt, log)
		return core.Step(ctx, core.StepRuntimeStart, "", func(ctx context.Context) error {
			warnings, err := rt.Start(ctx)
			for _, w := range warnings {
				log.Warn("poststart hook", zap.Error(w))
			}
			return err
		})
	}, func(err error) {
		if init := c.procs[c.initID()]; err == nil && init != nil {
			init.handle.Ref.Tell(process.Released{})
		}
		if err == nil && c.state == created {
			c.enterState(running)
		}
	})
}

func (c *container) update(t *core.Turn, m *Update) {
	if err := c.allow("update", created, running, paused); err != nil {
		m.Reply(struct{}{}, err)
		return
	}
	rt := c.os
	c.work(t, core.StepUpdate, &m.Call, func(context.Context) error {
		if err := rt.Update(m.Resources); err != nil {
			return err
		}
		c.change(func(r *Record) { r.Resources = c.spec.Linux.Resources })
		return nil
	}, func(error) {})
}

func (c *container) widenCPUs(t *core.Turn, m *WidenCPUs) {
	if c.os == nil || c.state == stopped {
		m.Reply(struct{}{}, nil)
		return
	}
	rt := c.os
	c.work(t, core.StepUpdate, &m.Call, func(context.Context) error { return rt.WidenCPUs() }, func(error) {})
}

// work runs an exclusive operation beside the mailbox; after it, before the answer, then
// moves the state. One that a removal ends is given up, as the error says.
func (c *container) work(t *core.Turn, kind core.StepKind, call *core.Call[struct{}], do func(context.Context) error, then func(error)) {
	err := call.Context().Err() // it may have waited too long for its turn
	if c.removing {             // what is left is the wait for the exits
		err = c.naming(kind.String(), ErrGivenUp)
	}
	if err != nil {
		then(err)
		t.Unpark()
		call.Reply(struct{}{}, err)
		return
	}
	wanted := c.begin(kind, call.Context())
	core.Go(t, func(actor context.Context) (struct{}, error) {
		ctx, cancel := core.Join(actor, wanted)
		defer cancel()
		return struct{}{}, core.Step(ctx, kind, "", do)
	}, func(t *core.Turn, _ struct{}, err error) {
		then(err)
		if c.removing && err != nil { // whatever has failed follows from that
			err = c.naming(kind.String(), ErrGivenUp)
		}
		call.Reply(struct{}{}, err)
		c.end(t)
	})
}

func (c *container) killAll(t *core.Turn, m *KillAll) {
	if c.os == nil {
		m.Reply(struct{}{}, c.allow("kill", created))
		return
	}
	c.kill(t, func(t *core.Turn, err error) {
		if err == nil && c.state == paused { // a frozen process only dies thawed
			c.enterState(c.resumeTo)
		}
		m.Reply(struct{}{}, err)
	})
}

// kill kills every process beside the mailbox. The container is not forgotten before that
// has ended.
func (c *container) kill(t *core.Turn, then func(*core.Turn, error)) {
	rt := c.os
	c.killing++
	core.Go(t, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, core.Step(ctx, core.StepKill, "", func(context.Context) error { return rt.KillAll() })
	}, func(t *core.Turn, _ struct{}, err error) {
		c.killing--
		then(t, err)
		if c.undone {
			c.settleRemoval(t)
		}
	})
}

func (c *container) stats(t *core.Turn, m *Stats) {
	if c.os == nil {
		m.Reply(nil, c.allow("measure", created))
		return
	}
	rt := c.os
	asker := m.Context()
	core.Go(t, func(actor context.Context) (s *cgroup.Stats, err error) {
		err = core.Step(core.Detach(actor, asker), core.StepStats, "", func(context.Context) error {
			s, err = rt.Stats()
			return err
		})
		return s, err
	},
		func(_ *core.Turn, s *cgroup.Stats, err error) { m.Reply(s, err) })
}

// watchOOM has every OOM kill in the container reported. A guest that cannot (no memory
// controller) only warns: the start must not fail for it. It is part of a start's work.
func (c *container) watchOOM(rt *runtime.Container, log *zap.Logger) {
	if c.options.WatchOOM == nil || c.oom.watched() {
		return
	}
	parent, cid := c.parent, c.id
	stop, err := c.options.WatchOOM(rt.CgroupPaths(), func() { parent.Tell(OOMKilled{ID: cid}) })
	if err != nil {
		log.Warn("OOM kills of this container are not reported", zap.Error(err))
		return
	}
	c.oom.set(stop)
}

// oomWatch is the watch on a container's OOM kills. Starting and ending it reads files of
// the cgroup, so both are done beside the mailbox.
type oomWatch struct{ stop atomic.Pointer[func()] }

func (o *oomWatch) watched() bool { return o.stop.Load() != nil }
func (o *oomWatch) set(f func())  { o.stop.Store(&f) }

// end ends the watch, if there is one.
func (o *oomWatch) end() {
	if stop := o.stop.Swap(nil); stop != nil {
		(*stop)()
	}
}
