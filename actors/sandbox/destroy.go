// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"time"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/storage"
	"go.uber.org/zap"
)

// destroyTimeout bounds the removal of all containers together: a host that destroys the
// pod must see it end, even if one of them hangs in the kernel.
const destroyTimeout = 20 * time.Second

// destroy answers nil even when something could not be removed: the guest ends next, and
// an error would keep the virtual machine. What went wrong is logged.
func (s *sandbox) destroy(t *core.Turn, m *Destroy) {
	if s.creating {
		s.giveUp()
		t.ParkBehind(core.StepSandbox) // until the create has ended
		return
	}
	s.destroyed = true
	var refs []core.Ref
	for _, ref := range s.members {
		refs = append(refs, ref)
	}
	undo := s.undo
	s.undo = nil
	log := t.Log()
	core.Go(t, func(context.Context) (struct{}, error) {
		ctx, cancel := context.WithTimeout(context.Background(), destroyTimeout)
		defer cancel()
		err := errors.Join(removeAll(ctx, refs), undoAll(undo))
		_, storages := core.Ask(ctx, s.options.Storage, &storage.ReleaseAll{})
		return struct{}{}, errors.Join(err, storages)
	}, func(_ *core.Turn, _ struct{}, err error) {
		if err != nil {
			log.Error("destroy sandbox", zap.Error(err))
		}
		s.oom.end() // the connections end after the answer to m
		m.Reply(struct{}{}, nil)
	})
}

// removeAll removes all containers at the same time.
func removeAll(ctx context.Context, refs []core.Ref) error {
	errs := make(chan error, len(refs))
	for _, ref := range refs {
		core.AskFunc(ref, &container.Remove{}, func(_ struct{}, err error) { errs <- err })
	}
	var all []error
	for range refs {
		select {
		case err := <-errs:
			if !errors.Is(err, core.ErrStopped) { // it has gone by itself meanwhile
				all = append(all, err)
			}
		case <-ctx.Done():
			return errors.Join(append(all, ctx.Err())...)
		}
	}
	return errors.Join(all...)
}
