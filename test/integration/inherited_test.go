// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// nobodys is in the agent's environment and must be in nobody else's.
const nobodys = "KATA_TEST_INHERITED"

// inherit shows what a process has got without being given it.
const inherit = `cat /proc/self/status; echo "slack: $(cat /proc/self/timerslack_ns)"; echo "score: $(cat /proc/self/oom_score_adj)"
echo "umask: $(umask)"; for fd in /proc/$$/fd/*; do echo "fd: ${fd##*/}"; done; env | sed 's/^/env: /'`

// TestInherited starts an agent that inherits ignored signals, as under nohup, a descriptor, an
// umask and a variable, and that forgoes huge pages and exact timers for itself. What outlives fork and
// execve by the kernel's rules must not reach a container: no signal is ignored or blocked there, huge
// pages are to be had, timers are as exact as everybody's, the kernel may kill it as any other, and it has
// the descriptors and the environment that it was given.
func TestInherited(t *testing.T) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Reset(syscall.SIGHUP, syscall.SIGUSR2)
	a := harness.Start(t, harness.Options{
		Env:  []string{nobodys + "=1"},
		Wrap: []string{"sh", "-c", `exec 9</etc/passwd; umask 077; exec "$@"`, "sh"},
	})
	ctx := background(t)
	spec := a.Spec("c1", harness.Rootfs(t), "sh", "-c", inherit)
	if err := a.Create(ctx, "c1", spec); err != nil {
		t.Fatal(err)
	}
	session, _, err := a.Run(ctx, "c1", "e1", "sh", "-c", inherit)
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
	for who, shown := range map[string]string{"session": session, "init": string(init)} {
		for _, mask := range []string{"SigIgn", "SigBlk", "ShdPnd", "SigPnd"} {
			if got := statusOf(shown, mask); strings.Trim(got, "0") != "" || got == "" {
				t.Errorf("%s: %s is %q, want no signal", who, mask, got)
			}
		}
		for field, want := range map[string]string{
			"THP_enabled": huge, "slack": "50000", "score": "0", "umask": "0022", "Groups": "0", "CapAmb": "0000000000000000",
		} {
			if got := statusOf(shown, field); got != want && (field != "Groups" || got != "") {
				t.Errorf("%s: %s is %q, want %q", who, field, got, want)
			}
		}
		for line := range strings.Lines(shown) {
			line = strings.TrimSpace(line)
			if fd, ok := strings.CutPrefix(line, "fd: "); ok && fd != "0" && fd != "1" && fd != "2" && fd != "3" { // 3: the shell looks for them
				t.Errorf("%s: descriptor %s is open", who, fd)
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "env: "), "=")
			if strings.HasPrefix(line, "env: ") && !slices.Contains([]string{"PATH", "TERM", "HOME", "PWD", "SHLVL", "OLDPWD"}, name) {
				t.Errorf("%s: %q is in its environment", who, name)
			}
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
