// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/device"
)

// started is a session whose process runs.
type started struct {
	process *runtime.Process
	streams process.Streams
}

// Close ends a session that nobody wants any more.
func (s *started) Close() error {
	s.process.KillAndReap()
	s.streams.Close()
	return nil
}

// exec starts a session. Sessions of one container start side by side.
func (c *container) exec(t *core.Turn, m *Exec) {
	if c.pausing && !c.removing {
		t.ParkBehind(core.StepPause)
		return
	}
	if err := c.mayExec(m); err != nil {
		m.Reply(struct{}{}, c.naming("exec in", err))
		return
	}
	if len(c.pci) > 0 {
		env, _, err := device.RewriteEnv(m.Process.Env, c.pci)
		if err != nil {
			m.Reply(struct{}{}, c.naming("exec in", err))
			return
		}
		m.Process.Env = env
	}
	c.starting[m.ExecID] = m
	runtime.InheritFrom(c.spec.Process, m.Process)
	rt := c.os
	core.Go(t, func(actor context.Context) (*started, error) {
		return c.startSession(m.Context(), rt, m)
	}, func(t *core.Turn, s *started, err error) {
		delete(c.starting, m.ExecID)
		if c.pausing {
			t.Unpark()
		}
		switch {
		case err == nil:
			err = c.enter(t, m, s)
		case c.removing: // which has killed what the session was to join
			err = ErrGivenUp
		}
		m.Reply(struct{}{}, c.naming("exec in", err))
		if c.undone {
			c.settleRemoval(t)
		}
	})
}

func (c *container) mayExec(m *Exec) error {
	if err := m.ExecID.Check(); err != nil {
		return err
	}
	if c.removing {
		return fmt.Errorf("exec in container %q: %w", c.id, ErrGivenUp)
	}
	if err := c.allow("exec in", created, running); err != nil {
		return err
	}
	if e := c.procs[m.ExecID]; c.starting[m.ExecID] != nil || e != nil && !e.waited && !e.before {
		return fmt.Errorf("exec_id '%s' %w in container %q", m.ExecID, ErrExecExists, c.id)
	}
	return nil
}

func (c *container) startSession(ctx context.Context, rt *runtime.Container, m *Exec) (out *started, err error) {
	own, pipes, err := c.openStdio(m.Process)
	if err != nil {
		return nil, err
	}
	streams := process.Streams{Pipes: pipes, Passed: c.claim(ctx, m.Ports)}
	defer stdio.Files(own.Files).Close() // the process has its own then
	err = core.Guard(func() error {
		return core.Step(ctx, core.StepSpawn, string(m.ExecID), func(ctx context.Context) error {
			p, err := rt.Exec(ctx, m.Process, own)
			if err == nil {
				out = &started{p, streams}
			}
			return err
		})
	}, func() {
		if out != nil {
			_ = out.Close()
			return
		}
		streams.Close()
	})
	return out, err
}

// enter makes the session known, unless nobody wants it any more: its container is going,
// or the one who asked has gone and would never wait for it.
func (c *container) enter(t *core.Turn, m *Exec, s *started) error {
	var err error
	switch {
	case c.removing:
		err = ErrGivenUp
	case !m.Claim():
		err = context.Cause(m.Context())
	}
	if err != nil {
		_ = s.Close()
		return fmt.Errorf("exec in container %q: %w", c.id, err)
	}
	if old := c.procs[m.ExecID]; old != nil { // waited for, its output lingers
		c.gone(old.handle)
		old.handle.Ref.Tell(process.Supersede{})
	}
	return c.adopt(t, m.ExecID, s.process, s.streams)
}
