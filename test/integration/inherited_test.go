// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// TestInherited starts an agent that inherits ignored signals, as under nohup, and that
// forgoes huge pages and exact timers for itself. What outlives fork and execve by the
// kernel's rules must not reach a container: no signal is ignored there, huge pages are to be
// had, and timers are as exact as everybody's.
func TestInherited(t *testing.T) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Reset(syscall.SIGHUP, syscall.SIGUSR2)
	a := harness.Start(t, harness.Options{})
	ctx := background(t)
	spec := a.Spec("c1", harness.Rootfs(t), "cat", "/proc/self/status", "/proc/self/timerslack_ns")
	if err := a.Create(ctx, "c1", spec); err != nil {
		t.Fatal(err)
	}
	session, _, err := a.Run(ctx, "c1", "e1", "cat", "/proc/self/status", "/proc/self/timerslack_ns")
	if err != nil {
		t.Error(err)
	}
	if err := a.StartContainer(ctx, "c1"); err != nil {
		t.Fatal(err)
	}
	init, err := a.ReadAll(ctx, "c1", "c1")
	if err != nil {
		t.Error(err)
	}
	agent, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.Pid))
	if err != nil {
		t.Fatal(err)
	}
	huge := "1"
	if statusOf(string(agent), "THP_enabled") == "" {
		huge = "" // a kernel without huge pages
	} else if got := statusOf(string(agent), "THP_enabled"); got != "0" {
		t.Errorf("the agent's own huge pages: %q", got)
	}
	for who, status := range map[string]string{"session": session, "init": string(init)} {
		if ignored := statusOf(status, "SigIgn"); strings.Trim(ignored, "0") != "" || ignored == "" {
			t.Errorf("%s: signals ignored: %q", who, ignored)
		}
		if got := statusOf(status, "THP_enabled"); got != huge {
			t.Errorf("%s: huge pages: %q, want %q", who, got, huge)
		}
		if !strings.HasSuffix(status, "\n50000\n") {
			t.Errorf("%s: timers' slack: %q, want 50000 ns", who, status[strings.LastIndex(strings.TrimSpace(status), "\n")+1:])
		}
	}
	if err := a.Remove(ctx, "c1"); err != nil {
		t.Error(err)
	}
}

// statusOf is a field of /proc/<pid>/status, proc(5).
func statusOf(status, field string) string {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
