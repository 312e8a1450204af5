// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"go.uber.org/zap"
)

// mounted is the actor of one mount point. It mounts at the first Attach; further ones
// are parked until that has ended, and try for themselves when it has failed.
type mounted struct {
	mountPoint string
	mount      Mounter
	index      core.Ref
	busy       bool
	doing      core.StepKind // while it is busy
	attached   *attached     // not nil: mounted
	// left is of an attached that could not be released, or that has come to nothing and could not be taken
	// back. It is tried again: retry is until then, 0 if nothing is left.
	left  bool
	retry time.Duration
}

// The time between two tries to take away what is left, at first and at most.
const (
	retryPause    = 100 * time.Millisecond
	retryPauseMax = 10 * time.Second
)

// attached is a mount in place.
type attached struct{ volume.Attached }

// remains is what a mount that has come to nothing has left.
type remains struct {
	attached attached
	any      bool
}

// Close takes back a mount whose actor has died meanwhile.
func (a *attached) Close() error { return a.Release() }

// unmount ends the mount point; reply is called with the outcome.
type unmount struct {
	ctx   context.Context // of the one who asks
	reply func(struct{}, error)
}

// kept tells the index that the content is to outlive the containers that use it.
type kept struct{ mountPoint string }

// stuck tells the index that a mount point is still there that nobody holds any more.
type stuck struct{ mountPoint string }

// emptied tells the index that what was left of a mount point is gone.
type emptied struct{ mountPoint string }

// tryAgain is told by a timer.
type tryAgain struct{}

// failed tells the index that an Attach it has counted has come to nothing.
type failed struct{ mountPoint, holder string }

// Receive handles one message.
func (s *mounted) Receive(t *core.Turn, m core.Message) {
	if s.busy {
		t.ParkBehind(s.doing)
		return
	}
	switch m := m.(type) {
	case *Attach:
		s.attach(t, m)
	case *unmount:
		s.unmount(t, m)
	case tryAgain:
		s.tryAgain(t)
	}
}

func (s *mounted) attach(t *core.Turn, m *Attach) {
	if s.attached != nil && !s.left {
		m.Reply(struct{}{}, nil)
		return
	}
	s.busy, s.doing = true, core.StepMount
	asker, old, log := m.Context(), s.attached, t.Log()
	left := &remains{} // here, and not the work's, whose panic it outlives
	core.Go(t, func(actor context.Context) (*attached, error) {
		ctx, cancel := core.Join(actor, asker)
		defer cancel()
		if old != nil {
			if err := old.Release(); err != nil { // it must not block the place for good
				log.Warn("mounted over what cannot be taken away", zap.String("mount-point", s.mountPoint), zap.Error(err))
			}
		}
		a, err := s.mountOnce(ctx, m, left)
		return &attached{a}, err
	}, func(t *core.Turn, a *attached, err error) {
		s.busy, s.attached, s.left, s.retry = false, a, left.any, 0
		if err == nil {
			s.index.Tell(stands{s.mountPoint})
			s.report(t, a.Attached)
		} else {
			if s.attached = nil; left.any {
				s.attached = &left.attached
			}
			s.index.Tell(failed{s.mountPoint, m.Holder})
			err = fmt.Errorf("storage %q: %w", s.mountPoint, err)
		}
		m.Reply(struct{}{}, err)
		t.Unpark()
	})
}

// mountOnce mounts, and takes back a mount whose step has failed after it, or that nobody waits for any
// more: nobody would ever release it. What cannot be taken back is in left.
func (s *mounted) mountOnce(ctx context.Context, m *Attach, left *remains) (a volume.Attached, err error) {
	var undone error
	err = core.Guard(func() error {
		err := core.Step(ctx, core.StepMount, s.mountPoint, func(ctx context.Context) (err error) {
			a, err = s.mount(ctx, m.Holder, m.Volume)
			return err
		})
		if err != nil {
			return err
		}
		return ctx.Err()
	}, func() {
		if undone = a.Release(); undone != nil {
			left.any, left.attached = true, attached{a}
		}
	})
	return a, errors.Join(err, undone)
}

// report passes on what a mount has to tell.
func (s *mounted) report(t *core.Turn, a volume.Attached) {
	if a.Keep {
		s.index.Tell(kept{s.mountPoint})
	}
	if a.Warning != nil {
		t.Log().Warn("storage", zap.String("mount-point", s.mountPoint), zap.Error(a.Warning))
	}
}

func (s *mounted) unmount(t *core.Turn, m *unmount) {
	if s.attached == nil {
		m.reply(struct{}{}, nil)
		t.Stop(nil)
		return
	}
	s.take(t, m.ctx, func(t *core.Turn, err error) {
		m.reply(struct{}{}, err)
		if err == nil {
			t.Stop(nil)
			return
		}
		// Others may have the place. Until then it is tried again.
		s.left = true
		s.index.Tell(stuck{s.mountPoint})
		s.again(t)
	})
}

// again has another try later.
func (s *mounted) again(t *core.Turn) {
	s.retry = min(max(2*s.retry, retryPause), retryPauseMax)
	t.After(s.retry, tryAgain{})
	t.Unpark()
}

// tryAgain takes away what is left, if somebody else has not done so.
func (s *mounted) tryAgain(t *core.Turn) {
	if s.retry == 0 {
		return
	}
	s.take(t, context.Background(), func(t *core.Turn, err error) {
		if err != nil {
			s.again(t)
			return
		}
		t.Log().Info("what was left is taken away", zap.String("mount-point", s.mountPoint))
		s.attached, s.left, s.retry = nil, false, 0
		s.index.Tell(emptied{s.mountPoint})
		t.Unpark()
	})
}

// take takes the mount away, for the one whose context it is.
func (s *mounted) take(t *core.Turn, ctx context.Context, then func(*core.Turn, error)) {
	s.busy, s.doing = true, core.StepUnmount
	release := s.attached.Release
	core.Go(t, func(actor context.Context) (struct{}, error) {
		return struct{}{}, core.Step(core.Detach(actor, ctx), core.StepUnmount, s.mountPoint, func(context.Context) error {
			return release()
		})
	}, func(t *core.Turn, _ struct{}, err error) {
		s.busy = false
		if err != nil {
			err = fmt.Errorf("storage %q: %w", s.mountPoint, err)
		}
		then(t, err)
	})
}

// Stopped has nothing to do: what is mounted stays until the guest ends.
func (s *mounted) Stopped(error) {}
