// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
)

func newWatcher(t *testing.T) *OOMWatcher {
	t.Helper()
	w, err := NewOOMWatcher()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// kills collects reports until there are n.
func kills(t *testing.T, reports <-chan uint64, n uint64) {
	t.Helper()
	var got uint64
	for got < n {
		got += guard.Receive(t, "a kill is reported", reports)
	}
	if got != n {
		t.Fatalf("%d kills reported, want %d", got, n)
	}
}

// runVictim starts a process that dies of the limit of the group at limit. It joins dir.
func runVictim(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), victimEnv+"="+dir)
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("victim ended with %v, want a kill", err)
	}
}

func limited(t *testing.T) string {
	t.Helper()
	dir := v1Group(t, "memory")
	for _, file := range []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("33554432"), 0); err != nil {
			t.Skipf("cannot limit memory: %v", err)
		}
	}
	return dir
}

func TestOOMv1(t *testing.T) {
	w := newWatcher(t)
	dir, other := limited(t), limited(t)
	reports, others := make(chan uint64, 16), make(chan uint64, 16)
	watch, err := w.Watch(dir, func(n uint64) { reports <- n })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Watch(other, func(n uint64) { others <- n }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runVictim(t, dir)
		kills(t, reports, 1) // the first one too
	}
	runVictim(t, other)
	kills(t, others, 1)
	watch.Close()
	watch.Close()
	runVictim(t, dir)
	if len(reports) != 0 {
		t.Error("a report after Close")
	}
}

func TestOOMv1BelowGroup(t *testing.T) {
	w := newWatcher(t)
	dir := limited(t)
	child := filepath.Join(dir, "child")
	if err := os.Mkdir(child, 0o755); err != nil {
		t.Fatal(err)
	}
	defer removeGroup(t, child)
	reports := make(chan uint64, 16)
	if _, err := w.Watch(dir, func(n uint64) { reports <- n }); err != nil {
		t.Fatal(err)
	}
	runVictim(t, child)
	kills(t, reports, 1)
}

func TestOOMv1GroupRemoved(t *testing.T) {
	w := newWatcher(t)
	dir := limited(t)
	watch, err := w.Watch(dir, func(uint64) { t.Error("a report for a removed group") })
	if err != nil {
		t.Fatal(err)
	}
	removeGroup(t, dir)
	guard.Until(t, "the watch of a removed group ends", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.byEvent) == 0
	})
	watch.Close()
}

func unifiedGroup(t *testing.T, oomKills uint64) (dir string, set func(uint64)) {
	t.Helper()
	dir = t.TempDir()
	set = func(n uint64) {
		writeFiles(t, dir, map[string]string{eventsFile: fmt.Sprintf("low 0\nmax 7\noom %d\noom_kill %d\n", n, n)})
	}
	set(oomKills)
	return dir, set
}

func TestOOMv2(t *testing.T) {
	w := newWatcher(t)
	dir, _ := unifiedGroup(t, 3) // kills of before do not count
	reports := make(chan uint64, 16)
	watch, err := w.Watch(dir, func(n uint64) { reports <- n })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Watch(dir, func(uint64) {}); err == nil {
		t.Error("a second watch on one group was accepted")
	}
	// A plain file is empty for a moment while it is rewritten, which a group's file never
	// is: replace the figure in place instead.
	set := func(n uint64) {
		f, err := os.OpenFile(filepath.Join(dir, eventsFile), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprintf(f, "low 0\nmax 7\noom %d\noom_kill %d\n", n, n)
	}
	set(3)
	set(4)
	kills(t, reports, 1)
	set(6)
	kills(t, reports, 2)
	watch.Close()
	set(7)
	if len(reports) != 0 {
		t.Error("a report after Close")
	}
}

func TestOOMLastLook(t *testing.T) {
	w := newWatcher(t)
	dir, _ := unifiedGroup(t, 0)
	var got uint64
	watch, err := w.Watch(dir, func(n uint64) { got += n })
	if err != nil {
		t.Fatal(err)
	}
	// The file is swapped, which inotify on the old one does not see.
	next := filepath.Join(dir, "next")
	writeFiles(t, dir, map[string]string{"next": "oom_kill 2\n"})
	if err := os.Rename(next, filepath.Join(dir, eventsFile)); err != nil {
		t.Fatal(err)
	}
	watch.Close()
	if got != 2 {
		t.Errorf("got %d kills, want 2", got)
	}
}

func TestOOMWatchErrors(t *testing.T) {
	w := newWatcher(t)
	if _, err := w.Watch(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing group: got %v, want %v", err, os.ErrNotExist)
	}
	dir, _ := unifiedGroup(t, 0)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Watch(dir, nil); !errors.Is(err, ErrWatcherClosed) {
		t.Errorf("closed watcher: got %v, want %v", err, ErrWatcherClosed)
	}
}

func TestOOMWatcherLeavesNoDescriptor(t *testing.T) {
	dir, _ := unifiedGroup(t, 0)
	before := guesttest.Descriptors(t)
	for range 5 {
		w, err := NewOOMWatcher()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Watch(dir, func(uint64) {}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := guesttest.Descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestHierarchyRootIsNotGuessed: where one of the directories cannot be looked at, none is taken for the root.
func TestHierarchyRootIsNotGuessed(t *testing.T) {
	top := t.TempDir()
	group := filepath.Join(top, "pod", "c1")
	guesttest.Must(t, os.MkdirAll(group, 0o755))
	for _, dir := range []string{top, filepath.Dir(group), group} {
		guesttest.Must(t, os.WriteFile(filepath.Join(dir, pressureFile), nil, 0o600))
	}
	if got := hierarchyRoot(group); got != top {
		t.Errorf("root %q, want %q", got, top)
	}
	file := filepath.Join(top, pressureFile)
	guesttest.Must(t, os.Remove(file))
	guesttest.Must(t, os.Symlink(pressureFile, file)) // to itself: ELOOP
	if got := hierarchyRoot(group); got != "" {
		t.Errorf("root %q, want none while %s cannot be looked at", got, file)
	}
}
