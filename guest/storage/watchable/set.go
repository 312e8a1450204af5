// SPDX-License-Identifier: Apache-2.0

package watchable

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/guest/mount"
)

// Errors of watchable storages a host must not ask for.
var (
	ErrMountPoint = errors.New("invalid watchable mount point")
	ErrRoot       = errors.New("invalid watchable tmpfs root")
	ErrOtherRoot  = errors.New("watchable mounts must use the same tmpfs root")
	errClosed     = errors.New("the sandbox's watches were ended")
)

// DefaultInterval is between two looks at a share that reports no changes.
const DefaultInterval = 2 * time.Second

// Set is the watches of a sandbox. Their targets lie directly in one directory, on
// which the Set mounts a tmpfs: the share around it is read-only.
type Set struct {
	// Mounts makes the mounts.
	Mounts mount.Mounter
	// Interval is DefaultInterval if zero.
	Interval time.Duration
	// Roots are the directories allowed, by default those the hosts use.
	Roots []string
	// Tell is called with events, from the goroutines of the watches, if not nil.
	Tell func(Event)

	pollOnly bool // for tests: as if the source reported no changes

	mu      sync.Mutex // never held over a file system call
	root    string
	mounted chan struct{} // closed when the mount of the root has ended
	made    mount.Made
	err     error // of the mount of the root
	closed  bool
	watches map[*Watch]struct{}
}

// Add copies source to mountPoint and keeps it up to date until Close. It returns when
// the first copy is there. warning is why the source is bound and not copied, or why
// the first copy is not quite right yet; with err there is no watch.
func (s *Set) Add(ctx context.Context, source, mountPoint string) (watch *Watch, warning, err error) {
	root, err := s.check(mountPoint)
	if err == nil {
		err = s.mountRoot(ctx, root)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("watch %q: %w", source, err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &Watch{
		source: source, target: mountPoint, mounts: s.Mounts, interval: s.interval(), pollOnly: s.pollOnly, tell: s.Tell,
		stop: stop, done: make(chan struct{}), known: snapshot{},
	}
	if !s.enter(w) {
		stop()
		return nil, nil, fmt.Errorf("watch %q: %w", source, errClosed)
	}
	first := make(chan result, 1)
	go func() {
		w.run(run, first)
		s.leave(w)
	}()
	select {
	case r := <-first:
		if r.err == nil {
			return w, nil, nil
		}
		err = fmt.Errorf("watch %q: %w", source, r.err)
		if r.goesOn {
			return w, err, nil
		}
		return nil, nil, errors.Join(err, w.Close(ctx))
	case <-ctx.Done():
		err = fmt.Errorf("watch %q: first copy: %w", source, context.Cause(ctx))
		return nil, nil, errors.Join(err, w.Close(context.WithoutCancel(ctx)))
	}
}

func (s *Set) interval() time.Duration {
	if s.Interval > 0 {
		return s.Interval
	}
	return DefaultInterval
}

func (s *Set) enter(w *Watch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.watches == nil {
		s.watches = map[*Watch]struct{}{}
	}
	s.watches[w] = struct{}{}
	return true
}

func (s *Set) leave(w *Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches, w)
}

// Close ends all watches and takes the tmpfs away. It waits no longer than a Watch's
// Close does, for all of them together.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	var watches []*Watch
	for w := range s.watches {
		w.stop()
		watches = append(watches, w)
	}
	made := s.made
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var errs []error
	for _, w := range watches {
		errs = append(errs, w.Close(ctx))
	}
	return errors.Join(append(errs, s.Mounts.Undo(made))...)
}
