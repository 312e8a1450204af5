// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/process"
	"go.uber.org/zap"
)

// exitGrace is how long a removal waits for the exits of the processes it has killed, so
// that those who wait for them get their status.
const exitGrace = time.Second

// remove begins a removal, or joins the one under way. An operation under way is given
// up first; its end goes on with teardown.
func (c *container) remove(t *core.Turn, m *Remove) {
	c.removals = append(c.removals, m)
	if c.removing {
		return
	}
	c.removing = true
	t.Unpark() // sessions that wait for a pause
	if c.busy {
		c.cancelOp()
		c.release(t)
		return
	}
	c.teardown(t)
}

// release kills and thaws what an operation under way may be waiting for.
func (c *container) release(t *core.Turn) {
	if c.os == nil {
		return // a create sees to that itself
	}
	log := t.Log()
	c.kill(t, func(_ *core.Turn, err error) {
		if err != nil {
			log.Warn("kill for a removal", zap.Error(err))
		}
	})
}

// teardown undoes everything the container has. It does not end with its callers: once
// begun, it runs to its end.
func (c *container) teardown(t *core.Turn) {
	c.busy, c.doing = true, core.StepRemove
	undo, asker := c.undo, context.Background() // of a failed create nobody asks
	if len(c.removals) > 0 {
		asker = c.removals[0].Context()
	}
	cid := string(c.id)
	// The list is no result of the work, whose panic it outlives.
	core.Go(t, func(actor context.Context) (struct{}, error) {
		c.oom.end()
		ctx := core.About(core.Detach(actor, asker), cid)
		return struct{}{}, core.Step(ctx, core.StepRemove, "", undo.run)
	}, func(t *core.Turn, _ struct{}, err error) {
		c.undo, c.busy = undo, false
		if err != nil {
			c.removalFailed(t, err)
			return
		}
		c.undone = true
		t.After(exitGrace, finalize{})
		c.settleRemoval(t)
	})
}

// removalFailed answers with the error and keeps the container, so that the removal can
// be tried again: what is undone already is not undone twice.
func (c *container) removalFailed(t *core.Turn, err error) {
	err = c.naming("remove", err)
	t.Log().Error("remove container", zap.Error(err))
	c.removing = false
	for _, r := range c.removals {
		r.Reply(struct{}{}, err)
	}
	c.removals = nil
	t.Unpark()
	if c.retry > 0 { // of a create that has failed: no host may ask for it again
		c.retry = min(2*c.retry, undoPauseMax)
		t.After(c.retry, undoAgain{})
	}
}

// undoAgain has another try at what is left of a failed create.
func (c *container) undoAgain(t *core.Turn) {
	if !c.removing {
		c.removing = true
		c.teardown(t)
	}
}

// settleRemoval ends the removal once no session starts any more and every process has been seen to exit, or
// both have been waited for long enough, and nothing kills any more.
func (c *container) settleRemoval(t *core.Turn) {
	if c.killing > 0 || len(c.starting) > 0 && !c.waited {
		return
	}
	for _, e := range c.procs {
		if !e.exited && !c.waited {
			return
		}
	}
	c.finish(t)
}

func (c *container) finish(t *core.Turn) {
	for exec, e := range c.procs {
		c.options.Processes.Delete(e.handle.Key)
		if !e.waited { // else it has been forgotten
			c.forgetSession(exec)
		}
		e.handle.Ref.Tell(process.Discard{})
	}
	for _, m := range c.starting {
		m.Reply(struct{}{}, c.naming("exec in", ErrGivenUp))
	}
	c.forgotten()
	for _, r := range c.removals {
		r.Reply(struct{}{}, nil)
	}
	c.removals = nil
	t.Stop(nil)
}

// forgotten is the moment from which on nobody finds the container. The sandbox hears of it before the
// next create of this id, but maybe after the one who has asked for the removal.
func (c *container) forgotten() {
	c.options.Containers.Delete(c.id)
	c.parent.Tell(Forgotten{ID: c.id})
}
