// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"os"
	"os/exec"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// stageLike is a child of the calling thread that has the name of a stage; dead or alive.
func stageLike(t *testing.T, name string, dead bool) *exec.Cmd {
	t.Helper()
	// The process gives itself a name and waits to be killed.
	cmd := exec.Command("sh", "-c", "printf %s '"+name+"' > /proc/$$/comm; echo; read x")
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
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		in.Close()
	})
	if dead {
		_ = cmd.Process.Kill()
		if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
	}
	return cmd
}

// isChild tells whether a process is a child that has not been reaped.
func isChild(cmd *exec.Cmd) bool {
	return !errors.Is(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil), unix.ECHILD)
}

// TestEndOrphans takes the stages that nobody owns and that this thread has made, alive or
// dead, and no other child: none of another start that is under way, none that has an owner,
// none that is no stage.
func TestEndOrphans(t *testing.T) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	taken := []*exec.Cmd{stageLike(t, "runc:[2:INIT]", true), stageLike(t, "runc:[1:CHILD]", false)}
	kept := map[string]*exec.Cmd{"no stage": stageLike(t, "runc", true), "owned": stageLike(t, "runc:[2:INIT]", true)}
	fd, err := pidfd.Open(kept["owned"].Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	p := NewProcess(kept["owned"].Process.Pid, fd, nil)
	defer owned.CompareAndDelete(p.Pid, p)
	other, end := make(chan *exec.Cmd), make(chan struct{})
	go func() { // on a thread that does nothing else: another start
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		other <- stageLike(t, "runc:[2:INIT]", true)
		<-end
	}()
	defer close(end)
	kept["another start's"] = <-other
	endOrphans("/proc")
	for _, cmd := range taken {
		if isChild(cmd) {
			t.Errorf("a stage that nobody owns is left: %d", cmd.Process.Pid)
		}
	}
	for name, cmd := range kept {
		if !isChild(cmd) {
			t.Errorf("%s: reaped by somebody who does not own it", name)
		}
	}
}

// TestStartManager: the libcontainer that this is built with has the field that it needs.
func TestStartManager(t *testing.T) {
	if !useStartManager(&libcontainer.Container{}, "/proc") {
		t.Error("libcontainer.Container has no field cgroupManager of type cgroups.Manager")
	}
}

// TestKillerOfACreateIsJoined: when a create has returned, nothing kills by the path of its
// cgroup any more, as the next container of the id has the same one.
func TestKillerOfACreateIsJoined(t *testing.T) {
	for range 50 {
		m := &slowCgroup{dir: t.TempDir()}
		c := &Container{id: "c", cgroup: m, options: Options{Proc: "/proc"}}
		ctx, cancel := context.WithCancel(t.Context())
		release := c.killAfter(ctx)
		cancel()
		m.entered()
		release()
		if m.busy.Load() > 0 {
			t.Fatal("the killer is at it after its create has ended")
		}
	}
}

// TestCreateThatIsOverIsNotBegun leaves not even the directory of all states.
func TestCreateThatIsOverIsNotBegun(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	root := t.TempDir() + "/state"
	_, _, err := Create(ctx, Options{StateRoot: root}, CreateOptions{ID: "c"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("create: %v, want that its deadline is over", err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("it was begun")
	}
}
