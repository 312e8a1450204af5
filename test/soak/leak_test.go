// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

const (
	sessions   = 10_000
	containers = 200
	width      = 16 // sessions at a time
	// settle is above the time after which the agent gives memory back.
	settle = 4 * time.Second
	// allowance is how much memory the agent may hold more than after the first thousand
	// sessions, in KiB.
	allowance = 3 << 10
)

// TestNothingIsKept runs sessions and containers in one agent and compares what it holds at
// the end with what it held after the first thousand (threads: two thousand, as a Go
// program keeps as many as were ever busy at once).
func TestNothingIsKept(t *testing.T) {
	a, root := pod(t, harness.Options{})
	runSessions(t, a, 1000)
	time.Sleep(settle) // clock: too short, and the first measure is higher
	first := measure(t, a.Pid)
	t.Logf("after 1,000 sessions: %v", first)
	runSessions(t, a, 1000)
	threads := measure(t, a.Pid).threads
	for done := 2000; done < sessions; done += 2000 {
		runSessions(t, a, 2000)
		t.Logf("after %d: %v", done+2000, measure(t, a.Pid))
	}
	for i := range containers {
		life(t, a, root, fmt.Sprintf("life%d", i))
	}
	last := measure(t, a.Pid)
	guard.Holds(func() bool { // what is given back is given back after a while
		last = measure(t, a.Pid)
		return last.descriptors <= first.descriptors && last.children <= first.children &&
			last.threads <= threads && last.memory <= first.memory+allowance
	})
	t.Logf("after %d sessions and %d containers: %v", sessions, containers, last)
	if last.descriptors > first.descriptors {
		t.Errorf("descriptors: %d, after the first thousand %d", last.descriptors, first.descriptors)
	}
	if last.children > first.children {
		t.Errorf("children: %d, after the first thousand %d", last.children, first.children)
	}
	if last.threads > threads {
		t.Errorf("threads: %d, after two thousand %d", last.threads, threads)
	}
	if last.memory > first.memory+allowance {
		t.Errorf("memory: %d KiB, after the first thousand %d", last.memory, first.memory)
	}
}

var serial atomic.Int64

// runSessions runs n sessions, some at a time, and checks what each says.
func runSessions(t *testing.T, a *harness.Agent, n int) {
	t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range width {
		wg.Go(func() {
			for next.Add(1) <= int64(n) && !t.Failed() {
				id := fmt.Sprintf("e%d", serial.Add(1))
				out, status, err := a.Run(t.Context(), "c1", id, "/bin/echo", id)
				if err != nil || strings.TrimSpace(out) != id || status != 0 {
					t.Errorf("session %s: %q, status %d, %v", id, out, status, err)
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// life creates, starts, kills, waits for and removes a container.
func life(t *testing.T, a *harness.Agent, root, id string) {
	t.Helper()
	ctx := t.Context()
	for _, step := range []func() error{
		func() error { return a.Create(ctx, id, a.Spec(id, root, "sleep", "1000")) },
		func() error { return a.StartContainer(ctx, id) },
		func() error { return a.Signal(ctx, id, "", 9) },
		func() error { _, err := a.Wait(ctx, id, id); return err },
		func() error { return a.Remove(ctx, id) },
	} {
		if err := step(); err != nil {
			t.Fatalf("container %s: %v", id, err)
		}
	}
}
