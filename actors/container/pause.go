// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
)

// A session that is caught half-way by a pause stands still in the frozen cgroup, and its
// start does not end before the resume. So a pause waits for the sessions that are
// starting, and later ones wait for the pause.

// lookAgain has what is parked tried again.
type lookAgain struct{}

func (c *container) pause(t *core.Turn, m *Pause) {
	err := c.allow("pause", created, running)
	if err == nil {
		err = m.Context().Err()
	}
	if err != nil {
		c.pausing = false
		t.Unpark()
		m.Reply(struct{}{}, err)
		return
	}
	c.pausing = true
	if len(c.starting) > 0 {
		t.ParkBehind(core.StepSpawn)
		if !m.watched {
			m.watched = true
			self := t.Self()
			context.AfterFunc(m.Context(), func() { self.Tell(lookAgain{}) })
		}
		return
	}
	c.resumeTo = c.state
	rt := c.os
	c.work(t, core.StepPause, &m.Call, rt.Pause, func(err error) {
		c.pausing = false
		if err == nil && c.state != stopped {
			c.enterState(paused)
		}
	})
}

func (c *container) resume(t *core.Turn, m *Resume) {
	if err := c.allow("resume", paused); err != nil {
		m.Reply(struct{}{}, err)
		return
	}
	rt := c.os
	c.work(t, core.StepResume, &m.Call, func(context.Context) error { return rt.Resume() }, func(err error) {
		if err == nil && c.state == paused {
			c.enterState(c.resumeTo)
		}
	})
}
