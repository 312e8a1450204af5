// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/storage/erofs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.uber.org/zap"
)

// setUp is what a Create has done.
type setUp struct {
	ns    Namespaces
	hooks *specs.Hooks
	undo  []func() error
}

// Close takes everything back.
func (s *setUp) Close() error { return undoAll(s.undo) }

func (s *sandbox) create(t *core.Turn, m *Create) {
	switch {
	case s.destroyed:
		m.Reply(struct{}{}, ErrDestroyed)
		return
	case s.creating, s.created && !s.mayAdopt(m):
		m.Reply(struct{}{}, fmt.Errorf("sandbox %q %w", s.id, ErrExists))
		return
	}
	before := s.handOver()
	s.creating, s.adopting, s.id = true, before != nil, m.ID
	asker, giveUp := context.WithCancel(m.Context())
	s.giveUp = giveUp
	log := t.Log()
	core.Go(t, func(actor context.Context) (*setUp, error) {
		defer giveUp()
		ctx, cancel := core.Join(actor, asker)
		defer cancel()
		out := &setUp{}
		var undone error
		err := core.Guard(func() error {
			if err := undoAll(before); err != nil {
				return fmt.Errorf("release what the sandbox had before: %w", err)
			}
			err := core.Step(ctx, core.StepSandbox, "", func(ctx context.Context) error {
				return s.options.setUp(ctx, m, log, out)
			})
			if err != nil {
				return err
			}
			return ctx.Err()
		}, func() { undone = out.Close() })
		if err != nil {
			return nil, errors.Join(err, undone)
		}
		return out, nil
	}, func(t *core.Turn, out *setUp, err error) {
		if err == nil && !m.Claim() { // nobody knows of it: the host tries again, or gives the pod up
			s.abandon(t, out)
			return
		}
		s.creating, s.adopting = false, false
		t.Unpark() // a destroy, or containers
		if err == nil {
			s.created = true
			s.ns, s.hooks, s.undo = out.ns, out.hooks, out.undo
		} else {
			s.id = ""
		}
		m.Reply(struct{}{}, err)
	})
}

// mayAdopt tells whether the sandbox may become m's: a machine that was cloned, or restored, after its
// template's sandbox was made has no container of its own yet, and another name. Whoever makes the same
// sandbox twice is mistaken.
func (s *sandbox) mayAdopt(m *Create) bool { return len(s.members) == 0 && m.ID != s.id }

// handOver takes from the sandbox what it has of the one before, and returns how that is undone; nil
// if there was none.
func (s *sandbox) handOver() (undo []func() error) {
	if !s.created {
		return nil
	}
	undo = s.undo
	s.created, s.ns, s.hooks, s.undo = false, Namespaces{}, nil, nil
	s.oom.kills = nil // of containers that the new host has never heard of
	return undo
}

// abandon takes back what a create has done whose asker has gone at the last moment.
func (s *sandbox) abandon(t *core.Turn, out *setUp) {
	log := t.Log()
	core.Go(t, func(context.Context) (struct{}, error) {
		return struct{}{}, out.Close()
	}, func(t *core.Turn, _ struct{}, err error) {
		if err != nil {
			log.Error("undo of a sandbox that nobody waits for", zap.Error(err))
		}
		s.creating, s.adopting, s.id = false, false, ""
		t.Unpark() // a destroy, or containers
	})
}

// setUp does the work beside the mailbox: modules first, as storages may need them.
// What it has done is entered in out at once.
func (d *Options) setUp(ctx context.Context, m *Create, log *zap.Logger, out *setUp) error {
	if err := d.stir(ctx, m); err != nil {
		log.Warn("random numbers may be those of another clone of this machine", zap.Error(err))
	}
	for _, mod := range m.Modules {
		err := core.Step(ctx, core.StepModule, mod.Name, func(ctx context.Context) error {
			return d.Guest.LoadModule(ctx, mod.Name, mod.Parameters)
		})
		if err != nil {
			return err
		}
	}
	err := core.Step(ctx, core.StepNamespaces, "", func(context.Context) error {
		ns, release, err := d.Guest.Namespaces(m.Hostname)
		if err == nil {
			out.ns, out.undo = ns, append(out.undo, release)
		}
		return err
	})
	if err != nil {
		return err
	}
	storages, err := erofs.Plan(m.Storages)
	if err != nil {
		return err
	}
	for _, v := range storages {
		// Entered first: an attach that is given up may have been counted all the same.
		out.undo = append(out.undo, func() error {
			_, err := core.Ask(context.WithoutCancel(ctx), d.Storage, &storage.Release{MountPoint: v.MountPoint, Undo: true})
			if errors.Is(err, storage.ErrNotHeld) {
				err = nil
			}
			return err
		})
		if _, err := core.Ask(ctx, d.Storage, &storage.Attach{Volume: v}); err != nil {
			return err
		}
	}
	if m.HookPath != "" {
		// Hooks that cannot be read are a fault of the guest's image. Hosts do not expect an error here.
		if out.hooks, err = d.Guest.Hooks(m.HookPath); err != nil {
			log.Warn("guest hooks", zap.Error(err))
		}
	}
	err = core.Step(ctx, core.StepDNS, "", func(context.Context) error {
		undo, err := d.Guest.SetDNS(m.DNS)
		if err == nil {
			out.undo = append(out.undo, undo)
		}
		return err
	})
	if err != nil {
		return err
	}
	return d.note(m, out)
}

// stirTimeout bounds the wait for the machine's generator of random numbers.
const stirTimeout = 200 * time.Millisecond

// stir is first: nothing of the pod, such as a key of a volume, shall have a number that another clone
// of the same machine has too.
func (d *Options) stir(ctx context.Context, m *Create) error {
	if d.Guest.Stir == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stirTimeout)
	defer cancel()
	return d.Guest.Stir(ctx, []byte(m.ID), []byte(m.Hostname))
}

// undoAll runs the steps, last first, whatever the others say.
func undoAll(steps []func() error) error {
	var errs []error
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i] != nil {
			errs = append(errs, steps[i]())
		}
	}
	return errors.Join(errs...)
}
