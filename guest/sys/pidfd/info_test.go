// SPDX-License-Identifier: Apache-2.0

package pidfd_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// TestExitStatus of a process that somebody else reaps: not known before, then as the kernel has it,
// or never where the kernel is too old.
func TestExitStatus(t *testing.T) {
	for script, want := range map[string]int{"exit 7": 7, "kill -9 $$": 137, "exit 0": 0} {
		cmd := exec.Command("sh", "-c", "read line; "+script)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		fd, err := pidfd.Open(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
		if status, known := pidfd.ExitStatus(fd); known {
			t.Errorf("%s: status %d of a process that runs", script, status)
		}
		start := startTime(t, cmd.Process.Pid)
		if status, known := pidfd.Zombie("/proc", cmd.Process.Pid, start); known {
			t.Errorf("%s: status %d of a process that runs", script, status)
		}
		stdin.Close()
		guard.Until(t, "the process to end", func() bool { return pidfd.Reapable(fd) })
		if status, known := pidfd.Zombie("/proc", cmd.Process.Pid, start); !known || status != want {
			t.Errorf("%s: status %d, known %v, before anybody has reaped it, want %d", script, status, known, want)
		}
		if _, known := pidfd.Zombie("/proc", cmd.Process.Pid, start+1); known {
			t.Errorf("%s: a status of a process with another start time", script)
		}
		_ = cmd.Wait() // its status is what is asked for
		switch status, known := pidfd.ExitStatus(fd); {
		case known && status != want:
			t.Errorf("%s: status %d, want %d", script, status, want)
		case !known && kernelTells(t):
			t.Errorf("%s: the status is not known, want %d", script, want)
		}
	}
}

func startTime(t *testing.T, pid int) uint64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndex(string(stat), ")")+1:]))
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return start
}

// kernelTells: from Linux 6.15 on.
func kernelTells(t *testing.T) bool {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	var major, minor int
	for i, n := 0, &major; i < len(release); i++ {
		if c := release[i]; c >= '0' && c <= '9' {
			*n = *n*10 + int(c-'0')
		} else if n == &major && c == '.' {
			n = &minor
		} else {
			break
		}
	}
	return major > 6 || major == 6 && minor >= 15
}
