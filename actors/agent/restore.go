// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/clock"
	"github.com/kata-containers/kata-agent/guest/sys/random"
	"github.com/kata-containers/kata-agent/guest/sys/restore"
	"go.uber.org/zap"
)

const (
	// clockLimit is how far the wall clock may be off the host's before it is set: what keeps it right
	// in small steps is left alone.
	clockLimit = 100 * time.Millisecond
	// stirLimit bounds the wait for the machine's generator of random numbers.
	stirLimit = time.Second
)

// watchRestore has the poller watch for signs that the machine was restored, and look for them before
// it moves bytes or takes exits: what a process has for its host must not go to one that is gone.
func (a *Agent) watchRestore(p Options) {
	if p.Restored == nil {
		return
	}
	w, err := restore.Open(restore.Guest(), p.Restored)
	a.restore = w
	if err != nil {
		p.Log.Info("not all signs of a restore can be seen", zap.Error(err))
	}
	p.Log.Debug("signs of a restore", zap.Strings("watched", w.Names()))
	a.poller.Before(w.LookAgain)
	for _, fd := range w.Descriptors() {
		a.watchSign(fd)
	}
}

// watchSign looks whenever fd is readable. One that cannot be watched is seen by those who look.
func (a *Agent) watchSign(fd int) {
	_, _ = a.poller.OnReadable(fd, func() {
		a.restore.Look()
		a.watchSign(fd)
	})
}

// Look looks for signs that the machine was restored. When it returns, what was seen has been told to
// Options.Restored. It does not block.
func (a *Agent) Look() {
	if a.restore != nil {
		a.restore.Look()
	}
}

// CatchUp sets right what the machine has missed while it stood still: clock and random numbers. It may
// wait for devices.
func (a *Agent) CatchUp(log *zap.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), stirLimit)
	defer cancel()
	stepped, err := stepClock(a.restore.PTP())
	err = errors.Join(err, random.Device{}.Stir(ctx, ""))
	log.Info("the machine has stood still or was restored", zap.Duration("clock_step", stepped), zap.Error(err))
}

// stepClock sets the wall clock to the host's if it is off, and returns by how much.
func stepClock(host *restore.PTP) (step time.Duration, err error) {
	if host == nil {
		return 0, nil
	}
	now, err := host.Now()
	if err != nil {
		return 0, err
	}
	step = time.Until(now.Round(0)) // wall: it is what is to be set
	if step.Abs() < clockLimit {
		return 0, nil
	}
	return step, clock.Set(now.Unix(), int64(now.Nanosecond()/1000)) // wall: the host's
}
