// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"time"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"go.uber.org/zap"
)

// atOnce is how long a request that does not wait looks for missing CPUs. Hosts send such
// requests right after plugging and then rely on what they plugged, so it covers what the
// kernel needs for a CPU; nobody else is held up.
const atOnce = time.Second

func (s *sandbox) online(t *core.Turn, m *Online) {
	if !m.Wait && m.CPUs > 0 {
		s.onlineAtOnce(t, m)
		return
	}
	s.onlineWork(t, m, func(err error) { m.Reply(struct{}{}, err) })
}

// onlineAtOnce answers after a short look, and goes on by itself when CPUs are missing.
func (s *sandbox) onlineAtOnce(t *core.Turn, m *Online) {
	guest := s.options.Guest
	core.Go(t, func(actor context.Context) (struct{}, error) {
		ctx, cancel := context.WithTimeout(actor, atOnce)
		defer cancel()
		return struct{}{}, core.Step(ctx, core.StepOnline, "", func(ctx context.Context) error {
			return guest.OnlineCPUs(ctx, m.CPUs)
		})
	}, func(t *core.Turn, _ struct{}, err error) {
		if err == nil {
			s.onlineWork(t, m, func(err error) { m.Reply(struct{}{}, err) })
			return
		}
		m.Reply(struct{}{}, nil)
		log := t.Log()
		s.onlineWork(t, m, func(err error) {
			if err != nil {
				log.Warn("CPUs or memory stay offline", zap.Error(err))
			}
		})
	})
}

// widenTimeout is how long the cpuset of one container is waited for: one that hangs in
// another operation must not hold up the start of the next.
const widenTimeout = time.Second

func widen(ctx context.Context, ref core.Ref) error {
	ctx, cancel := context.WithTimeout(ctx, widenTimeout)
	defer cancel()
	_, err := core.Ask(ctx, ref, &container.WidenCPUs{})
	return err
}

// onlineWork does it all beside the mailbox. A container whose cpuset cannot follow is no
// failure of the request.
func (s *sandbox) onlineWork(t *core.Turn, m *Online, done func(error)) {
	guest, log := s.options.Guest, t.Log()
	var refs []core.Ref
	for _, ref := range s.members {
		refs = append(refs, ref)
	}
	asker := m.Context()
	core.Go(t, func(actor context.Context) (struct{}, error) {
		ctx := core.Detach(actor, asker)
		if m.Wait {
			joined, cancel := core.Join(actor, asker)
			defer cancel()
			ctx = joined
		}
		return struct{}{}, core.Step(ctx, core.StepOnline, "", func(ctx context.Context) error {
			var errs []error
			if m.CPUs > 0 {
				errs = append(errs, guest.OnlineCPUs(ctx, m.CPUs))
			}
			if m.Memory {
				errs = append(errs, guest.OnlineMemory())
			}
			for _, ref := range refs {
				if m.CPUs == 0 {
					break
				}
				if err := widen(ctx, ref); err != nil {
					log.Warn("cpuset of a container does not follow", zap.Error(err))
				}
			}
			return errors.Join(errs...)
		})
	}, func(_ *core.Turn, _ struct{}, err error) { done(err) })
}
