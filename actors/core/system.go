// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	proto "github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

const (
	defaultAskSlots = 16384
	defaultSlowTurn = 100 * time.Millisecond
)

// System runs actors. One per process.
type System struct {
	log      *zap.Logger
	proto    *proto.ActorSystem
	props    *proto.Props
	dispatch proto.Dispatcher
	epoch    time.Time
	slowTurn time.Duration
	slots    chan struct{} // one per Ask under way
	works    tally
	steps    underWay
	stepper  *Stepper // instead of proto, for tests of one behaviour

	birth   sync.Mutex
	newborn *actor // of the spawn under way

	mu      sync.Mutex
	top     map[string]*actor
	stopped bool
}

// Option changes a System as it is made.
type Option func(*System)

// WithAskSlots sets how many Asks may be under way at once (at least 1, 16384
// unless set); more wait under their context.
func WithAskSlots(n int) Option {
	return func(s *System) { s.slots = make(chan struct{}, max(n, 1)) }
}

// WithSlowTurn sets how long a turn may last before a warning names it (100 ms unless set).
func WithSlowTurn(d time.Duration) Option { return func(s *System) { s.slowTurn = d } }

// NewSystem makes a system that logs to log.
func NewSystem(log *zap.Logger, opts ...Option) *System {
	s := &System{log: log, epoch: time.Now(), slowTurn: defaultSlowTurn, top: make(map[string]*actor)}
	WithAskSlots(defaultAskSlots)(s)
	WithStepLimits(defaultStepLimits)(s)
	for _, o := range opts {
		o(s)
	}
	s.proto = newProto(log)
	s.props = s.newProps()
	s.dispatch = proto.NewDefaultDispatcher(0)
	return s
}

// Spawn starts a top-level actor. After Stop it returns ErrStopped.
func (s *System) Spawn(name string, b Behavior) (Ref, error) {
	if name == "" {
		return Ref{}, errNoName
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return Ref{}, ErrStopped
	}
	if s.top[name] != nil {
		return Ref{}, ErrNameTaken
	}
	a := &actor{sys: s, path: name, behavior: b}
	if err := s.begin(a, name); err != nil {
		return Ref{}, err
	}
	s.top[name] = a
	return Ref{a}, nil
}

// died takes a dead top-level actor off the tree. Others are taken off by their parent.
func (s *System) died(a *actor) {
	if a.parent != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.top, a.path)
}

// Stop stops every actor, children first, and waits until all are dead and all
// works have ended, or ctx ends. It must not be called in a turn.
func (s *System) Stop(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	actors := make([]*actor, 0, len(s.top))
	for _, a := range s.top {
		actors = append(actors, a)
	}
	s.mu.Unlock()
	for _, a := range actors {
		a.halt()
	}
	var errs []error
	for _, a := range actors {
		select {
		case <-a.doneChan():
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("actor %s is alive: %w", a.path, ctx.Err()))
		}
	}
	select {
	case <-s.works.none():
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("a work of an actor has not ended: %w", ctx.Err()))
	}
	s.steps.end()
	if first && s.proto != nil {
		s.proto.Shutdown()
	}
	return errors.Join(errs...)
}

func (s *System) schedule(a *actor) {
	if s.stepper == nil {
		s.dispatch.Schedule(a.process)
	}
}

func (s *System) freeSlot() { <-s.slots }

// now is the time since the system was made; it reads the monotonic clock only.
func (s *System) now() time.Duration { return time.Since(s.epoch) }

// tally counts the works under way.
type tally struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed when n comes down to 0, by add
}

func (t *tally) add(d int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n += d; t.n == 0 && t.zero != nil {
		close(t.zero)
		t.zero = nil
	}
}

func (t *tally) none() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == 0 {
		return closedChan
	}
	if t.zero == nil {
		t.zero = make(chan struct{})
	}
	return t.zero
}
