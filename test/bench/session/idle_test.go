// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/harness"
)

// quietFor is how long an idle agent is watched, and before that left alone: it gives
// memory back some seconds after a start.
const quietFor = 10 * time.Second

// BenchmarkIdle reports what an agent costs that does nothing: its memory after the start,
// with a container, and how often its threads have been woken up.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		fresh := harness.Start(b, harness.Options{Env: []string{"KATA_AGENT_LOG_LEVEL=warn", "GOGC=" + agentGOGC()}})
		time.Sleep(time.Second)
		b.ReportMetric(float64(memory(b, fresh.Pid)), "KiB-after-start")
		a, _ := pod(b)
		time.Sleep(quietFor)
		before := wakeUps(b, a.Pid)
		time.Sleep(quietFor)
		b.ReportMetric(float64(wakeUps(b, a.Pid)-before), "wake-ups")
		b.ReportMetric(float64(memory(b, a.Pid)), "KiB-with-container")
	}
}

// wakeUps counts how often the agent's threads have gone to sleep by themselves, which they
// do once for each time they are woken (proc(5), voluntary_ctxt_switches).
func wakeUps(b *testing.B, pid int) int {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	guesttest.Must(b, err)
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		guesttest.Must(b, err)
		total += field(string(text), "\nvoluntary_ctxt_switches:")
	}
	return total
}
