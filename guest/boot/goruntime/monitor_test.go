// SPDX-License-Identifier: Apache-2.0

package goruntime

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
)

// TestRelaxMonitor finds the thread that Go's monitor is, by what it alone does: it sleeps
// again and again while a goroutine is busy.
func TestRelaxMonitor(t *testing.T) {
	thread, err := monitor("/proc")
	if err != nil {
		t.Fatal(err)
	}
	const sleeps = 10
	before := switches(t, thread)
	for start := time.Now(); switches(t, thread) < before+sleeps; {
		if time.Since(start) > guard.Hang { // clock: a goroutine has to be busy meanwhile
			t.Fatalf("thread %s has slept %d times while a goroutine was busy", thread, switches(t, thread)-before)
		}
	}
	main := slack(t, fmt.Sprint(os.Getpid()))
	if err := RelaxMonitor("/proc"); err != nil {
		t.Fatal(err)
	}
	if got := slack(t, thread); got != "1000000" {
		t.Errorf("the monitor's timers may be %s ns late", got)
	}
	if got := slack(t, fmt.Sprint(os.Getpid())); got != main {
		t.Errorf("the main thread's timers may be %s ns late, before %s", got, main)
	}
}

// TestRelaxMonitorOldKernel has no file for it.
func TestRelaxMonitorOldKernel(t *testing.T) {
	proc := t.TempDir()
	if err := RelaxMonitor(proc); err == nil {
		t.Error("no threads, and no error")
	}
	for _, thread := range []string{"7", "8"} {
		if err := os.MkdirAll(proc+"/self/task/"+thread, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := RelaxMonitor(proc); err == nil || !strings.Contains(err.Error(), "timerslack_ns") {
		t.Errorf("%v, want an error that names timerslack_ns", err)
	}
}

// switches is how often a thread has gone to sleep.
func switches(t *testing.T, thread string) (n int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/task/" + thread + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(status), "\nvoluntary_ctxt_switches:")
	if _, err := fmt.Sscan(rest, &n); !found || err != nil {
		t.Fatal("no voluntary_ctxt_switches: ", err)
	}
	return n
}

func slack(t *testing.T, thread string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + thread + "/timerslack_ns")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
