// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/harness"
)

// TestOutputAfterTheExit: a child that a session leaves behind lives on and may write. A
// reader that waits is told the end; one that comes later gets what the child writes.
func TestOutputAfterTheExit(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	// The child writes when the test says so, more than a pipe holds, and then a last word.
	leave := func(exec string) {
		p.Session("c1", exec, "sh", "-c", "(until [ -e /dev/shm/"+exec+" ]; do sleep 0.1; done; echo late; "+
			"[ $0 = little ] || head -c 300000 /dev/zero; echo done > /dev/shm/"+exec+".done) & echo x", exec)
	}
	release := func(exec string) { p.Output("c1", "touch-"+exec, "touch", "/dev/shm/"+exec) }
	finished := func(exec string) {
		t.Helper()
		p.Output("c1", "look-"+exec, "sh", "-c", "until [ -e /dev/shm/"+exec+".done ]; do sleep 0.1; done")
	}
	reads := func(exec, want string) {
		t.Helper()
		if out, err := p.ReadAll(p.Ctx, "c1", exec); err != nil || string(out) != want {
			t.Errorf("session %s: read %q, %v; want %q", exec, out, err, want)
		}
	}

	leave("plenty")
	reads("plenty", "x\n")
	p.WantExit("c1", "plenty", 0)
	release("plenty")
	finished("plenty") // it has not been killed by SIGPIPE, and nobody has read

	leave("little")
	reads("little", "x\n")
	p.WantExit("c1", "little", 0)
	release("little")
	finished("little")
	reads("little", "late\n")

	// The id of a session can be used again, whoever holds its streams.
	leave("again")
	p.WantExit("c1", "again", 0)
	p.Session("c1", "again", "echo", "second")
	release("again")
	finished("again")
	reads("again", "second\n")
	p.WantExit("c1", "again", 0)
}

// TestLateReader comes when the process has exited: it gets what is written 2 s after that.
func TestLateReader(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	for exec, waited := range map[string]bool{"waited-for": true, "not-waited-for": false} {
		p.Session("c1", exec, "sh", "-c", "(sleep 2; echo late) & echo x")
		if waited {
			p.WantExit("c1", exec, 0)
		}
		p.settledSession("c1") // the agent knows of the exit, however busy the machine is
		// clock: the point is that nobody reads for longer than the grace time
		time.Sleep(time.Second)
		if out, err := p.ReadAll(p.Ctx, "c1", exec); err != nil || string(out) != "x\nlate\n" {
			t.Errorf("session %s: read %q, %v; want x and late", exec, out, err)
		}
	}
}
