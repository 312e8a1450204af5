// SPDX-License-Identifier: Apache-2.0

package share

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/guest/mount"
	"golang.org/x/sys/unix"
)

// DefaultStalePrefix is where the host's share is mounted.
const DefaultStalePrefix = "/run/kata-containers/shared/containers"

// maxAsked bounds the goroutines, each of which holds a thread while the kernel waits
// for the host.
const maxAsked = 8

// maxWait bounds a Visit whose caller set no limit.
const maxWait = 10 * time.Second

// ErrNoAnswer is a mount that has not answered an earlier visit yet.
var ErrNoAnswer = errors.New("has not answered since an earlier call")

// StaleVisitor visits the mounts below a directory. The zero value is the real system's.
type StaleVisitor struct {
	// Mounts reads the mount table.
	Mounts mount.Mounter
	// Prefix is DefaultStalePrefix if empty.
	Prefix string

	stat  func(path string) error // for tests
	once  sync.Once
	slots chan struct{}

	mu    sync.Mutex
	asked map[string]bool
}

// Visit stats every mount strictly below the prefix. err is a mount table that cannot be
// read. warnings are the mounts that gave an error or have not answered when ctx, or ten
// seconds, ended; they change nothing for the caller.
func (v *StaleVisitor) Visit(ctx context.Context) (warnings []error, err error) {
	v.once.Do(func() {
		v.slots, v.asked = make(chan struct{}, maxAsked), map[string]bool{}
		if v.Prefix == "" {
			v.Prefix = DefaultStalePrefix
		}
		if v.stat == nil {
			v.stat = func(path string) error { var st unix.Stat_t; return unix.Lstat(path, &st) }
		}
	})
	infos, err := v.Mounts.Table(v.Prefix)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	answers := make(chan error, len(infos))
	waiting := 0
	for _, i := range infos {
		if i.Mountpoint == v.Prefix {
			continue
		}
		started, err := v.ask(ctx, i.Mountpoint, answers)
		if err != nil {
			warnings = append(warnings, err)
		}
		if started {
			waiting++
		}
	}
	for ; waiting > 0; waiting-- {
		select {
		case err := <-answers:
			if err != nil {
				warnings = append(warnings, err)
			}
		case <-ctx.Done():
			return append(warnings, fmt.Errorf("%d mounts of the share have not answered: %w", waiting, context.Cause(ctx))), nil
		}
	}
	return warnings, nil
}

// ask starts the visit of one mount, as soon as one of the slots is free.
func (v *StaleVisitor) ask(ctx context.Context, path string, answers chan<- error) (started bool, err error) {
	v.mu.Lock()
	busy := v.asked[path]
	v.asked[path] = true
	v.mu.Unlock()
	if busy {
		return false, fmt.Errorf("%s %w", path, ErrNoAnswer)
	}
	forget := func() {
		v.mu.Lock()
		delete(v.asked, path)
		v.mu.Unlock()
	}
	select {
	case v.slots <- struct{}{}:
	case <-ctx.Done():
		forget()
		return false, fmt.Errorf("%s was not asked: %w", path, context.Cause(ctx))
	}
	go func() {
		err := v.stat(path)
		if err != nil {
			err = fmt.Errorf("stat %s: %w", path, err)
		}
		forget()
		<-v.slots
		answers <- err
	}()
	return true, nil
}
