// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReapStages leaves every zombie alone but those that have been stages.
func TestReapStages(t *testing.T) {
	dead := func(rename string) *exec.Cmd {
		t.Helper()
		// The process gives itself a name and waits to be killed.
		cmd := exec.Command("sh", "-c", "printf %s '"+rename+"' > /proc/$$/comm; echo; read x")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Process.Kill()
		if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
		in.Close()
		return cmd
	}
	stage, other := dead("runc:[2:INIT]"), dead("runc")
	if got := deadStages("/proc", os.Getpid()); len(got) != 1 || got[0].pid != stage.Process.Pid {
		t.Fatalf("dead stages: %+v, want %d", got, stage.Process.Pid)
	}
	if got := deadStages("/proc", os.Getppid()); len(got) != 0 {
		t.Errorf("somebody else's children: %+v", got)
	}
	reapStages("/proc")
	if got := deadStages("/proc", os.Getpid()); len(got) != 0 {
		t.Errorf("left: %+v", got)
	}
	if err := other.Wait(); err == nil || other.ProcessState == nil || other.ProcessState.Success() {
		t.Errorf("the other child: %v", err)
	}
	_ = stage.Wait()
}
