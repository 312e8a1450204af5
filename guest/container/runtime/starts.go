// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"sync"
	"time"
)

// Starts bounds how many of libcontainer's starts run side by side. Each needs some 30 ms of a processor
// for its stages. Many at once on few processors all end late, beyond the time that a host gives each;
// one after the other the first ones end soon. They get their places in the order in which they come.
//
// A place is for work and not for waiting: it is given back while a hook runs in the guest, and after
// heldFor by a start that has not ended by then. Such a start goes on without one.
type Starts struct {
	places func() int
	after  func(time.Duration, func()) (stop func() bool)

	mu      sync.Mutex
	running int
	queue   []*place
}

// heldFor is how long one start may keep a place. What has not ended by then mostly waits for something,
// such as a hook in the container's namespaces or a file system that does not answer.
const heldFor = time.Second

// NewStarts makes a bound. places says how many there are now, at least 1; it does not block.
func NewStarts(places func() int) *Starts {
	return &Starts{places: places, after: func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }}
}

// place is that of one start, which may have it or not. A nil one is that of a start without bound.
type place struct {
	starts *Starts
	ready  chan struct{} // closed when it is had
	had    bool
	stop   func() bool // of the time after which it is lost
}

// started is a start that is to get a place.
type started struct{ place *place }

// enter waits for a place, or the end of ctx. The place must be left.
func (s *Starts) enter(ctx context.Context) (*place, error) {
	if s == nil {
		return nil, nil
	}
	p := &place{starts: s}
	s.mu.Lock()
	s.wait(p, false)
	ready := p.ready
	s.mu.Unlock()
	select {
	case <-ready:
		return p, nil
	case <-ctx.Done():
		p.leave()
		return nil, ctx.Err()
	}
}

// wait enters a place in the queue, in front of all others or behind them. mu is held.
func (s *Starts) wait(p *place, first bool) {
	p.ready = make(chan struct{})
	if first {
		s.queue = append([]*place{p}, s.queue...)
	} else {
		s.queue = append(s.queue, p)
	}
	s.admit()
}

// admit gives free places to those who wait. mu is held.
func (s *Starts) admit() {
	for len(s.queue) > 0 && s.running < max(s.places(), 1) {
		p := s.queue[0]
		s.queue = s.queue[1:]
		s.running++
		p.had = true
		p.stop = s.after(heldFor, p.leave)
		close(p.ready)
	}
}

// leave gives the place to the next one, or gives up waiting for it.
func (p *place) leave() {
	if p == nil {
		return
	}
	s := p.starts
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.had {
		p.had = false
		p.stop()
		s.running--
		s.admit()
		return
	}
	for i, q := range s.queue {
		if q == p {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			return
		}
	}
}

// without runs what waits for something else, without the place if it is had. Behind it the place is
// waited for again, before those who have not begun.
func (p *place) without(ctx context.Context, wait func() error) error {
	if p == nil {
		return wait()
	}
	p.starts.mu.Lock()
	had := p.had
	p.starts.mu.Unlock()
	p.leave()
	err := wait()
	if err != nil || !had {
		return err
	}
	p.starts.mu.Lock()
	p.starts.wait(p, true)
	ready := p.ready
	p.starts.mu.Unlock()
	select {
	case <-ready:
	case <-ctx.Done(): // the start is killed: it ends without
	}
	return nil
}
