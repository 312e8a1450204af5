// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/components"
	"go.uber.org/zap"
)

// The pause before a component is started again is shortest, twice as long after each end that follows,
// and longest at most. One that has been ready for steady begins anew.
const (
	shortest = 100 * time.Millisecond
	longest  = 30 * time.Second
	steady   = time.Minute
)

// component is the actor of one component. It is attempting, with a process or about to have one, or
// pausing. While it attempts it is ready from when its socket is there.
type component struct {
	options  Options
	process  components.Process
	launcher core.Ref

	attempt  int                // the number of the attempt, so that words about another one are known
	give     context.CancelFunc // ends the attempt, nil while pausing
	ready    bool
	launched bool   // it has been ready once
	ends     int    // in a row
	last     error  // how the last attempt has ended
	late     func() // cancels the limit for the socket, nil if it is not running
	calm     func() // cancels the wait for steady, nil if it is not running
}

type (
	// again begins an attempt.
	again struct{}
	// started is the process of an attempt.
	started struct{ attempt, pid int }
	// tooLate is the end of the limit for the socket.
	tooLate struct{}
	// settled is told when it has been ready for steady.
	settled struct{ attempt int }
)

// Receive handles one message.
func (c *component) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case again:
		c.try(t)
	case started:
		if m.attempt == c.attempt {
			c.started(t, m.pid)
		}
	case tooLate:
		c.tooLate(t)
	case settled:
		if m.attempt == c.attempt {
			c.ends, c.calm = 0, nil
		}
	}
}

// Stopped has nothing to give back: the works end the process.
func (c *component) Stopped(error) {}

// startError is a component that could not be started at all.
type startError struct{ error }

func (e startError) Unwrap() error { return e.error }

func (c *component) try(t *core.Turn) {
	c.attempt++
	until, give := context.WithCancel(context.Background())
	c.give = give
	if c.late == nil && c.process.Awaited() {
		c.late = t.After(c.process.Timeout, tooLate{})
	}
	self, attempt, id, o := t.Self(), c.attempt, c.process.ID, c.options
	core.Go(t, func(actor context.Context) (components.Exit, error) {
		ctx, cancel := core.Join(actor, until)
		defer cancel()
		r, err := o.Start(c.process, func(line string) { o.Print(id, line) })
		if err != nil {
			return components.Exit{}, startError{err}
		}
		self.Tell(started{attempt, r.PID()})
		return r.Wait(ctx)
	}, c.ended)
}

func (c *component) started(t *core.Turn, pid int) {
	log := t.Log().With(zap.String("component", c.process.ID), zap.Int("component-pid", pid))
	if !c.process.Awaited() {
		log.Info("guest component runs")
		c.isReady(t)
		return
	}
	attempt, path, await := c.attempt, c.process.Socket, c.options.Await
	until, end := context.WithCancel(context.Background())
	give := c.give
	c.give = func() { end(); give() }
	core.Go(t, func(actor context.Context) (struct{}, error) {
		ctx, cancel := core.Join(actor, until)
		defer cancel()
		return struct{}{}, await(ctx, path)
	}, func(t *core.Turn, _ struct{}, err error) {
		switch {
		case attempt != c.attempt || c.give == nil: // it has ended before
		case err != nil: // the limit will tell
			t.Log().Warn("a guest component's socket cannot be awaited", zap.String("component", c.process.ID), zap.Error(err))
		default:
			log.Info("guest component is ready", zap.String("socket", path))
			c.isReady(t)
		}
	})
}

func (c *component) isReady(t *core.Turn) {
	c.cancel(&c.late)
	c.ready, c.launched = true, true
	c.calm = t.After(steady, settled{c.attempt})
	c.launcher.Tell(ready{c.process.ID})
}

// tooLate ends the launch; later it ends the attempt, as a component that hangs.
func (c *component) tooLate(t *core.Turn) {
	c.late = nil
	err := error(&lateError{c.process, c.last})
	if !c.launched {
		c.launcher.Tell(failed{err})
		return
	}
	if c.give != nil && !c.ready {
		t.Log().Warn("a guest component is ended", zap.Error(err))
		c.give()
	}
}

// lateError is a component whose socket does not come.
type lateError struct {
	process components.Process
	last    error
}

// Error has a text that is known.
func (e *lateError) Error() string {
	text := fmt.Sprintf("%s: wait for %s to exist timeout. It has taken more than %v", e.process.ID, e.process.Socket, e.process.Timeout)
	if e.last != nil {
		text += "; " + e.last.Error()
	}
	return text
}

func (e *lateError) Unwrap() error { return context.DeadlineExceeded }

// ended begins the pause after an attempt.
func (c *component) ended(t *core.Turn, exit components.Exit, err error) {
	c.give()
	c.give, c.ready = nil, false
	c.cancel(&c.calm)
	var start startError
	if errors.As(err, &start) && !c.launched {
		c.cancel(&c.late)
		c.launcher.Tell(failed{err})
		return
	}
	if c.launched {
		c.cancel(&c.late)
	}
	if err == nil {
		err = fmt.Errorf("%s has ended with status %d", c.process.ID, exit.Code)
	}
	c.last = err
	pause := c.pause()
	c.ends++
	t.Log().Warn("a guest component has ended and is started again",
		zap.String("component", c.process.ID), zap.Error(err), zap.Duration("after", pause))
	t.After(pause, again{})
}

// pause is how long to wait before the next attempt.
func (c *component) pause() time.Duration {
	pause := shortest
	for range c.ends {
		if pause *= 2; pause >= longest {
			return longest
		}
	}
	return pause
}

// cancel cancels a timer.
func (c *component) cancel(timer *func()) {
	if *timer != nil {
		(*timer)()
		*timer = nil
	}
}
