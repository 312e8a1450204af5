// SPDX-License-Identifier: Apache-2.0

package undo_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kata-containers/kata-agent/guest/sys/undo"
)

// TestRun goes from the last step to the first, past one that fails, which alone is tried again.
func TestRun(t *testing.T) {
	var l undo.List
	var done []int
	busy := errors.New("busy")
	fails := map[int]error{2: busy}
	for n := range 4 {
		l.Add(func() error { done = append(done, n); return fails[n] })
	}
	if err := l.Run(); !errors.Is(err, busy) || !slices.Equal(done, []int{3, 2, 1, 0}) {
		t.Errorf("steps %v, error %v; want 3 2 1 0 and %v", done, err, busy)
	}
	done, fails = nil, nil
	if err := l.Run(); err != nil || !slices.Equal(done, []int{2}) {
		t.Errorf("again: steps %v, error %v; want only 2, which has failed", done, err)
	}
	done = nil
	if err := l.Run(); err != nil || done != nil {
		t.Errorf("once more: steps %v, error %v; want nothing", done, err)
	}
}
