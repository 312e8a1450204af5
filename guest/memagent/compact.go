// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CompactWord is the argument with which the agent's binary calls [CompactNow] and ends.
const CompactWord = "compact-memory"

// CompactNow has the kernel compact all memory, and returns when that is done. It can only be
// ended by killing the process, so it is for one of its own.
func CompactNow(proc string) error { return put(compactFile(proc), "1") }

func compactFile(proc string) string { return filepath.Join(proc, "sys/vm/compact_memory") }

// lookEvery is how often the pressure is looked at during a compaction.
const lookEvery = time.Second

// Compactor compacts free memory. It remembers how it was after the last time, and has one
// caller at a time.
type Compactor struct {
	places Places
	now    func() time.Time
	// run compacts, and ends soon after its context.
	run  func(context.Context) error
	tick time.Duration

	last                 sample
	fragmented, free     uint64 // pages after the last compaction
	roundsWithoutCompact uint64
}

// Compacted is what a round has done.
type Compacted struct {
	Busy bool // nothing, for the pressure
	Done bool // a compaction was begun
	// Stopped says why it was ended early, if it was.
	Stopped error
}

// Why a compaction was ended early.
var (
	errPressure = errors.New("pressure above the limit")
	errTooLong  = errors.New("it took longer than it may")
)

// NewCompactor makes one. now reads the monotonic clock. run calls [CompactNow] in a process
// that it kills when its context ends.
func NewCompactor(p Places, now func() time.Time, run func(context.Context) error) *Compactor {
	return &Compactor{places: p, now: now, run: run, tick: lookEvery}
}

// Round compacts if that is worth while. The first one only looks at the pressure, for the
// second to have something to compare with. An error with [ErrMissing] means that no later
// round will do better.
func (c *Compactor) Round(ctx context.Context, s Compact) (Compacted, error) {
	if _, err := os.Stat(compactFile(c.places.Proc)); err != nil {
		return Compacted{}, fmt.Errorf("%w: no compaction: %w", ErrMissing, err)
	}
	now, err := c.places.pressure("", c.now)
	if err != nil {
		return Compacted{}, err
	}
	before := c.last
	c.last = now
	busy := now.percentSince(before) > uint64(s.PeriodPressure)
	worth := false
	if !busy && !before.at.IsZero() {
		if worth, err = c.worth(s); err != nil {
			return Compacted{}, err
		}
	}
	if !worth {
		c.roundsWithoutCompact++
		return Compacted{Busy: busy}, nil
	}
	c.roundsWithoutCompact = 0
	return c.compact(ctx, s, now)
}

// worth is true when more is fragmented, or less is free, than after the last compaction.
func (c *Compactor) worth(s Compact) (bool, error) {
	if s.ForceTimes < math.MaxInt64 && c.roundsWithoutCompact >= s.ForceTimes {
		return true, nil
	}
	fragmented, free, err := c.look(s.Order)
	more := fragmented > c.fragmented && fragmented-c.fragmented > s.Threshold
	less := c.free > free && c.free-free > s.Threshold
	return more || less, err
}

func (c *Compactor) look(order uint8) (fragmented, free uint64, err error) {
	text, err := os.ReadFile(filepath.Join(c.places.Proc, "pagetypeinfo"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err != nil {
		return 0, 0, err
	}
	bytes, err := c.places.meminfo("MemFree")
	return smallBlocks(string(text), int(order)), bytes / pageSize, err
}

// smallBlocks adds up the free movable pages in blocks below an order. A line of pagetypeinfo
// has the number of blocks of order 0, 1 and so on behind the type.
func smallBlocks(text string, order int) (pages uint64) {
	for line := range strings.Lines(text) {
		_, counts, found := strings.Cut(line, " Movable ")
		if !found || !strings.HasPrefix(line, "Node ") {
			continue
		}
		for i, word := range strings.Fields(counts) {
			// ">100000" where the kernel has stopped counting.
			n, err := strconv.ParseUint(strings.TrimPrefix(word, ">"), 10, 32)
			if err != nil || i >= order {
				break
			}
			pages += n << i
		}
	}
	return pages
}

func (c *Compactor) compact(ctx context.Context, s Compact, start sample) (Compacted, error) {
	running, end := context.WithCancelCause(ctx)
	limit := time.AfterFunc(s.Max, func() { end(errTooLong) })
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		c.watch(running, start, s.Pressure, end)
	}()
	err := c.run(running)
	stopped := context.Cause(running)
	limit.Stop()
	end(nil)
	<-watched
	if ctx.Err() != nil {
		return Compacted{Done: true}, ctx.Err()
	}
	if stopped != nil {
		err = nil
	}
	if err == nil {
		c.fragmented, c.free, err = c.look(s.Order)
	}
	return Compacted{Done: true, Stopped: stopped}, err
}

// watch ends a compaction when the pressure of a second has been above the limit.
func (c *Compactor) watch(ctx context.Context, before sample, limit uint8, end context.CancelCauseFunc) {
	ticker := time.NewTicker(c.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, err := c.places.pressure("", c.now)
		if err != nil || now.percentSince(before) > uint64(limit) {
			end(errPressure)
			return
		}
		before = now
	}
}
