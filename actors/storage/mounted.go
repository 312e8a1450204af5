// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"

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
}

// attached is a mount in place.
type attached struct{ volume.Attached }

// Close takes back a mount whose actor has died meanwhile.
func (a *attached) Close() error { return a.Release() }

// unmount ends the mount point; reply is called with the outcome.
type unmount struct {
	ctx   context.Context // of the one who asks
	reply func(struct{}, error)
}

// kept tells the index that the content is to outlive the containers that use it.
type kept struct{ mountPoint string }

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
	}
}

func (s *mounted) attach(t *core.Turn, m *Attach) {
	if s.attached != nil {
		m.Reply(struct{}{}, nil)
		return
	}
	s.busy, s.doing = true, core.StepMount
	asker := m.Context()
	core.Go(t, func(actor context.Context) (*attached, error) {
		ctx, cancel := core.Join(actor, asker)
		defer cancel()
		a, err := s.mountOnce(ctx, m)
		if err == nil && ctx.Err() != nil {
			// Nobody waits any more, and nobody would ever release it.
			err = errors.Join(ctx.Err(), a.Release())
		}
		return &attached{a}, err
	}, func(t *core.Turn, a *attached, err error) {
		s.busy = false
		if err == nil {
			s.attached = a
			s.report(t, a.Attached)
		} else {
			s.index.Tell(failed{s.mountPoint, m.Holder})
			err = fmt.Errorf("storage %q: %w", s.mountPoint, err)
		}
		m.Reply(struct{}{}, err)
		t.Unpark()
	})
}

// mountOnce mounts, or leaves nothing behind.
func (s *mounted) mountOnce(ctx context.Context, m *Attach) (a volume.Attached, err error) {
	var undone error
	err = core.Guard(func() error {
		return core.Step(ctx, core.StepMount, s.mountPoint, func(ctx context.Context) (err error) {
			a, err = s.mount(ctx, m.Holder, m.Volume)
			return err
		})
	}, func() {
		undone = a.Release() // does nothing if nothing is mounted
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
	s.busy, s.doing = true, core.StepUnmount
	release := s.attached.Release
	core.Go(t, func(actor context.Context) (struct{}, error) {
		return struct{}{}, core.Step(core.Detach(actor, m.ctx), core.StepUnmount, s.mountPoint, func(context.Context) error {
			return release()
		})
	}, func(t *core.Turn, _ struct{}, err error) {
		if err != nil {
			err = fmt.Errorf("storage %q: %w", s.mountPoint, err)
		}
		// A mount that cannot be undone is given up: kept, it would block the place for
		// everybody who comes later.
		m.reply(struct{}{}, err)
		t.Stop(nil)
	})
}

// Stopped has nothing to do: what is mounted stays until the guest ends.
func (s *mounted) Stopped(error) {}
