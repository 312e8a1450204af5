// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
	"golang.org/x/sys/unix"
)

// Freezer freezes and thaws the processes of a cgroup: by the freezer controller of
// cgroup v1 (freezer.state) or by cgroup v2 itself (cgroup.freeze).
type Freezer struct {
	Dir     string // "": the guest has no freezer
	Unified bool   // cgroup v2
}

// ErrNoFreezer says that the guest's kernel cannot freeze.
var ErrNoFreezer = errors.New("the guest has no freezer cgroup")

const (
	// freezeLook and freezeLookMax are the first and the longest time between two looks
	// whether the kernel has frozen everything.
	freezeLook    = time.Millisecond
	freezeLookMax = 20 * time.Millisecond
	// freezeAgain is when cgroup v1 is thawed and frozen anew: processes that fork or enter
	// the cgroup meanwhile can keep it from ever being frozen, and so does a thread in execve(2):
	// it waits for the end of the other threads of its process, which are frozen and cannot end.
	// thawedFor is how long they get for that. Both are doubled each time.
	freezeAgain = 100 * time.Millisecond
	thawedFor   = 10 * time.Millisecond
)

// Freeze freezes the cgroup with all below it and returns when every process stands still.
// On a busy guest that takes long; when ctx ends before, what is frozen is thawed.
func (f Freezer) Freeze(ctx context.Context) error {
	if f.Dir == "" {
		return ErrNoFreezer
	}
	err := f.freeze(ctx)
	if err != nil {
		err = errors.Join(err, f.Thaw())
	}
	return err
}

func (f Freezer) freeze(ctx context.Context) error {
	if err := f.write(f.Dir, true); err != nil {
		return err
	}
	again, thawed, since := freezeAgain, thawedFor, time.Now()
	for pause := freezeLook; ; pause = min(2*pause, freezeLookMax) {
		frozen, err := f.frozen()
		if err != nil || frozen {
			return err
		}
		if err := notFrozen(ctx, pause); err != nil {
			return err
		}
		if !f.Unified && time.Since(since) > again {
			if err := f.anew(ctx, thawed); err != nil {
				return err
			}
			again, thawed, since = 2*again, 2*thawed, time.Now()
		}
	}
}

// anew thaws the cgroup for a while and freezes it again.
func (f Freezer) anew(ctx context.Context, thawed time.Duration) error {
	if err := f.Thaw(); err != nil {
		return err
	}
	if err := notFrozen(ctx, thawed); err != nil {
		return err
	}
	return f.write(f.Dir, true)
}

// notFrozen waits, or fails because ctx has ended.
func notFrozen(ctx context.Context, wait time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("not everything is frozen: %w", ctx.Err())
	case <-time.After(wait):
		return nil
	}
}

// Thaw thaws the cgroup. Cgroups below that have been frozen by themselves stay frozen.
func (f Freezer) Thaw() error {
	if f.Dir == "" {
		return nil
	}
	return ignoreGone(f.write(f.Dir, false))
}

// ThawAll thaws the cgroup and every one below it, as a container that may make cgroups can
// have frozen some of them itself; on cgroup v1 a frozen process does not even die.
func (f Freezer) ThawAll() error {
	if f.Dir == "" {
		return nil
	}
	if !hasGroupsBelow(f.Dir) {
		return f.Thaw()
	}
	var errs []error
	_ = filepath.WalkDir(f.Dir, func(dir string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			errs = append(errs, ignoreGone(err))
		case d.IsDir():
			errs = append(errs, ignoreGone(f.write(dir, false)))
		}
		return nil
	})
	return errors.Join(errs...)
}

// frozen tells whether all processes are.
func (f Freezer) frozen() (bool, error) {
	if f.Unified {
		b, err := sysfs.ReadFile(filepath.Join(f.Dir, "cgroup.events"))
		return strings.Contains("\n"+string(b), "\nfrozen 1\n"), err
	}
	b, err := sysfs.ReadFile(filepath.Join(f.Dir, "freezer.state")) // FREEZING until all are
	return strings.TrimSpace(string(b)) == "FROZEN", err
}

func (f Freezer) write(dir string, freeze bool) error {
	file, word := "freezer.state", "THAWED"
	switch {
	case f.Unified && freeze:
		file, word = "cgroup.freeze", "1"
	case f.Unified:
		file, word = "cgroup.freeze", "0"
	case freeze:
		word = "FROZEN"
	}
	return sysfs.Overwrite(filepath.Join(dir, file), word)
}

// ignoreGone drops the error of a cgroup that has been removed, or of a kernel that cannot
// freeze: neither keeps anything frozen.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
