// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"

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
	case s.created || s.creating:
		m.Reply(struct{}{}, fmt.Errorf("sandbox %q %w", s.id, ErrExists))
		return
	}
	s.creating, s.id = true, m.ID
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
			if err := s.options.setUp(ctx, m, log, out); err != nil {
				return err
			}
			return ctx.Err()
		}, func() { undone = out.Close() })
		if err != nil {
			return nil, errors.Join(err, undone)
		}
		return out, nil
	}, func(t *core.Turn, out *setUp, err error) {
		s.creating = false
		t.Unpark() // a destroy
		if err == nil {
			s.created = true
			s.ns, s.hooks, s.undo = out.ns, out.hooks, out.undo
		} else {
			s.id = ""
		}
		m.Reply(struct{}{}, err)
	})
}

// setUp does the work beside the mailbox: modules first, as storages may need them.
// What it has done is entered in out at once.
func (d *Options) setUp(ctx context.Context, m *Create, log *zap.Logger, out *setUp) error {
	for _, mod := range m.Modules {
		if err := d.Guest.LoadModule(ctx, mod.Name, mod.Parameters); err != nil {
			return err
		}
	}
	ns, release, err := d.Guest.Namespaces(m.Hostname)
	if err != nil {
		return err
	}
	out.ns = ns
	out.undo = append(out.undo, release)
	storages, err := erofs.Plan(m.Storages)
	if err != nil {
		return err
	}
	for _, v := range storages {
		if _, err := core.Ask(ctx, d.Storage, &storage.Attach{Volume: v}); err != nil {
			return err
		}
		out.undo = append(out.undo, func() error {
			_, err := core.Ask(context.WithoutCancel(ctx), d.Storage, &storage.Release{MountPoint: v.MountPoint, Undo: true})
			return err
		})
	}
	if m.HookPath != "" {
		// Hooks that cannot be read are a fault of the guest's image. Hosts do not expect an error here.
		if out.hooks, err = d.Guest.Hooks(m.HookPath); err != nil {
			log.Warn("guest hooks", zap.Error(err))
		}
	}
	undoDNS, err := d.Guest.SetDNS(m.DNS)
	if err != nil {
		return err
	}
	out.undo = append(out.undo, undoDNS)
	return nil
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
