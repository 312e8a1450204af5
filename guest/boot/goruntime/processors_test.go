// SPDX-License-Identifier: Apache-2.0

package goruntime

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestProcessors lets the thread have one CPU, as most guests do, and all of them again.
func TestProcessors(t *testing.T) {
	defer func(was bool) { given = was }(given)
	given = false
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	defer runtime.SetDefaultGOMAXPROCS()
	confine(t, first(all))
	Processors()
	if n := runtime.GOMAXPROCS(0); n != leastProcessors {
		t.Errorf("%d goroutines run at once on one CPU, want %d", n, leastProcessors)
	}
	confine(t, all)
	Processors()
	if n, want := runtime.GOMAXPROCS(0), max(leastProcessors, all.Count()); n != want {
		t.Errorf("%d goroutines run at once on %d CPUs, want %d", n, all.Count(), want)
	}
}

// TestProcessorsGiven obeys the environment.
func TestProcessorsGiven(t *testing.T) {
	defer func(was bool) { given = was }(given)
	given = true
	defer runtime.SetDefaultGOMAXPROCS()
	runtime.GOMAXPROCS(1)
	Processors()
	if n := runtime.GOMAXPROCS(0); n != 1 {
		t.Errorf("GOMAXPROCS=1 in the environment, %d goroutines run at once", n)
	}
}

func confine(t *testing.T, to unix.CPUSet) {
	t.Helper()
	if err := unix.SchedSetaffinity(0, &to); err != nil {
		t.Fatal(err)
	}
}

func first(all unix.CPUSet) (one unix.CPUSet) {
	for cpu := range 1024 {
		if all.IsSet(cpu) {
			one.Set(cpu)
			return one
		}
	}
	return one
}
