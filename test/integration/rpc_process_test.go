// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

func TestRPC02InitByEmptyIDAndByContainerID(t *testing.T) {
	p := newPod(t, harness.Options{})
	for i, exec := range []string{"", "own"} {
		cid := fmt.Sprintf("c%d", i)
		if exec != "" {
			exec = cid
		}
		p.Launch(cid, "sh", "-c", "cat; exit 7")
		if n, err := p.WriteStdin(p.Ctx, cid, exec, []byte("hello\n")); err != nil || n != 6 {
			t.Errorf("write: %d, %v", n, err)
		}
		p.Must(p.Signal(p.Ctx, cid, exec, 0))
		p.Must(p.Do(p.Ctx, "CloseStdin", &protocols.CloseStdinRequest{ContainerId: cid, ExecId: exec}))
		if out, err := p.ReadAll(p.Ctx, cid, exec); err != nil || string(out) != "hello\n" {
			t.Errorf("output %q, %v", out, err)
		}
		p.WantExit(cid, exec, 7)
		for _, id := range []string{"", cid} {
			_, err := p.Wait(p.Ctx, cid, id)
			harness.Refused(t, err, codes.NotFound, "process not found", cid)
			harness.Refused(t, p.Signal(p.Ctx, cid, id, 15), codes.NotFound, cid)
		}
		p.Delete(cid)
	}

	p.Idle("c3")
	harness.Refused(t, p.Exec(p.Ctx, "c3", "c3", harness.Process("true")), codes.Internal, "already exists")
	p.Session("c3", "e", "cat")
	harness.Refused(t, p.Exec(p.Ctx, "c3", "e", harness.Process("true")), codes.Internal, "exec_id 'e' already exists")
	p.Must(p.Signal(p.Ctx, "c3", "e", 9))
	p.WantExit("c3", "e", 137)
	_, err := p.Wait(p.Ctx, "c3", "e")
	harness.Refused(t, err, codes.NotFound, `"e"`)
	p.Output("c3", "e", "true") // the id is free again
}

func TestRPC03Wait(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "e", "sleep", "10000")

	const waiters = 5
	got := make(chan int32, waiters)
	for range waiters {
		go func() {
			code, err := p.Wait(p.Ctx, "c1", "e")
			if err != nil {
				t.Error(err)
			}
			got <- code
		}()
	}
	gone := p.Raw(t) // a waiter whose client goes away uses nothing up
	gone.Request(harness.Call{Stream: 1, Method: "WaitProcess", Request: &protocols.WaitProcessRequest{ContainerId: "c1", ExecId: "e"}})
	impatient, cancel := context.WithTimeout(p.Ctx, 50*time.Millisecond) // clock: nothing else ends it
	defer cancel()
	_, err := p.Wait(impatient, "c1", "e")
	if err == nil {
		t.Error("a wait with a deadline has ended without error")
	}
	gone.Close()
	select {
	case code := <-got:
		t.Fatalf("a wait for a running process has ended with %d", code)
	default:
	}
	p.Must(p.Signal(p.Ctx, "c1", "e", 15))
	for range waiters {
		if code := <-got; code != 143 {
			t.Errorf("status %d, want 143", code)
		}
	}
	_, err = p.Wait(p.Ctx, "c1", "e")
	harness.Refused(t, err, codes.NotFound, "process not found")

	// After the exit and before anybody has waited, the status is kept.
	p.Session("c1", "late", "sh", "-c", "exit 42")
	if out, err := p.ReadAll(p.Ctx, "c1", "late"); err != nil || len(out) != 0 {
		t.Errorf("output %q, %v", out, err)
	}
	p.WantExit("c1", "late", 42)

}

// TestSignalRightAfterTheStart reaches the program, also where libcontainer starts it,
// whose own process stands there for a moment.
func TestSignalRightAfterTheStart(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("helper")
	spec := p.Spec("libcontainer", p.Rootfs, "sleep", "10000")
	spec.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"} // not for the helper
	p.Must(p.Create(p.Ctx, "libcontainer", spec))
	p.Must(p.StartContainer(p.Ctx, "libcontainer"))
	for _, cid := range []string{"helper", "libcontainer"} {
		for sig, want := range map[int]int32{1: 129, 2: 130, 3: 131, 9: 137, 10: 138, 11: 139, 15: 143, 34: 162, 64: 192} {
			exec := fmt.Sprintf("sig%d", sig)
			p.Session(cid, exec, "sleep", "10000")
			p.Must(p.Signal(p.Ctx, cid, exec, uint32(sig)))
			p.WantExit(cid, exec, want)
		}
	}
}

// TestSignalBeforeTheStart: SIGTERM and SIGKILL end a container that waits for its start;
// other signals do nothing to it, as to every init that has no handler for them.
func TestSignalBeforeTheStart(t *testing.T) {
	p := newPod(t, harness.Options{})
	for _, sig := range []uint32{9, 15} {
		p.Make("c1", "true")
		p.Must(p.Signal(p.Ctx, "c1", "c1", sig))
		p.WantExit("c1", "", 137)
		p.Delete("c1")
	}
	p.Make("c1", "sh", "-c", "exit 4")
	for _, sig := range []uint32{0, 1, 2, 3, 6, 10, 11, 12, 34} {
		p.Must(p.Signal(p.Ctx, "c1", "", sig))
	}
	harness.Refused(t, p.Signal(p.Ctx, "c1", "", 65), codes.Internal, "65")
	p.Must(p.StartContainer(p.Ctx, "c1"))
	p.WantExit("c1", "", 4)
}

func TestRPC04ReadEndsWithEmptyData(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "e", "sh", "-c", "echo out; echo err >&2")
	if out, err := p.ReadAll(p.Ctx, "c1", "e"); err != nil || string(out) != "out\n" {
		t.Errorf("stdout %q, %v", out, err)
	}
	if out, err := p.ReadStderr(p.Ctx, "c1", "e", 100); err != nil || string(out) != "err\n" {
		t.Errorf("stderr %q, %v", out, err)
	}
	for range 3 {
		if out, err := p.ReadStdout(p.Ctx, "c1", "e", 100); err != nil || len(out) != 0 {
			t.Errorf("after the end: %q, %v", out, err)
		}
		if out, err := p.ReadStderr(p.Ctx, "c1", "e", 100); err != nil || len(out) != 0 {
			t.Errorf("stderr after the end: %q, %v", out, err)
		}
	}
	p.WantExit("c1", "e", 0)

	p.Session("c1", "small", "printf", "abcdef")
	for _, want := range []string{"ab", "cd", "ef", ""} {
		if out, err := p.ReadStdout(p.Ctx, "c1", "small", 2); err != nil || string(out) != want {
			t.Errorf("read of two bytes: %q, %v; want %q", out, err, want)
		}
	}
	p.WantExit("c1", "small", 0)

	tty := harness.Process("sh", "-c", "tty >/dev/null && echo terminal")
	tty.Terminal = true
	p.Must(p.Exec(p.Ctx, "c1", "tty", tty))
	out, err := p.ReadAll(p.Ctx, "c1", "tty")
	if err != nil || string(out) != "terminal\r\n" {
		t.Errorf("terminal: %q, %v", out, err)
	}
	p.WantExit("c1", "tty", 0)
}

func TestRPC05WriteAnswersItsLength(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "e", "wc", "-c")
	total := 0
	for _, n := range []int{1, 4096, 100000, 1 << 20} {
		got, err := p.WriteStdin(p.Ctx, "c1", "e", make([]byte, n))
		if err != nil || got != uint32(n) {
			t.Errorf("write of %d: %d, %v", n, got, err)
		}
		total += n
	}
	for range 2 { // the end of input, and again
		if n, err := p.WriteStdin(p.Ctx, "c1", "e", nil); err != nil || n != 0 {
			t.Errorf("empty write: %d, %v", n, err)
		}
	}
	if out, err := p.ReadAll(p.Ctx, "c1", "e"); err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(total) {
		t.Errorf("the process has read %q, %v; want %d", out, err, total)
	}
	_, err := p.WriteStdin(p.Ctx, "c1", "e", []byte("more"))
	harness.Refused(t, err, codes.Internal, "stdin")
	p.WantExit("c1", "e", 0)
}

func TestRPC06Signals(t *testing.T) {
	p := newPod(t, harness.Options{})

	t.Run("SIGKILL for the empty id kills all", func(t *testing.T) {
		p := p.in(t)
		p.Idle("all")
		p.Session("all", "e1", "sleep", "10000")
		p.Session("all", "e2", "sh", "-c", "trap '' TERM; sleep 10000")
		p.Must(p.Signal(p.Ctx, "all", "", 9))
		for _, e := range []string{"", "e1", "e2"} {
			p.WantExit("all", e, 137)
		}
		p.Must(p.Signal(p.Ctx, "all", "", 9)) // after the exit and the wait: no error
		p.Delete("all")
	})
	t.Run("other signals for the empty id go to init", func(t *testing.T) {
		p := p.in(t)
		p.Launch("one", "sh", "-c", "trap 'exit 5' USR1; echo ready; while :; do sleep 0.01; done")
		p.Session("one", "e", "sleep", "10000")
		p.ready("one")
		p.Must(p.Signal(p.Ctx, "one", "", 10))
		p.WantExit("one", "", 5)
		p.WantExit("one", "e", 137) // went with the pid namespace
		p.Delete("one")
	})
	t.Run("SIGTERM", func(t *testing.T) {
		p := p.in(t)
		for name, c := range map[string]struct {
			script string
			want   int32
		}{
			"not handled": {"echo ready; sleep 10000", 137},
			"handled":     {"trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done", 3},
		} {
			cid := strings.ReplaceAll(name, " ", "-")
			p.Launch(cid, "sh", "-c", c.script)
			p.ready(cid)
			p.Must(p.Signal(p.Ctx, cid, "", 15))
			p.WantExit(cid, cid, c.want)
			p.Delete(cid)
		}
		p.Launch("ignored", "sh", "-c", "trap '' TERM; echo ready; sleep 10000")
		p.ready("ignored")
		p.Must(p.Signal(p.Ctx, "ignored", "", 15))
		p.Output("ignored", "e", "true") // still lives
		p.Must(p.Signal(p.Ctx, "ignored", "ignored", 9))
		p.WantExit("ignored", "", 137)
		p.Delete("ignored")
	})
	t.Run("exited and not waited for", func(t *testing.T) {
		p := p.in(t)
		p.Idle("late")
		p.Session("late", "e", "true")
		if _, err := p.ReadAll(p.Ctx, "late", "e"); err != nil {
			t.Error(err)
		}
		p.settledSession("late")
		p.Must(p.Signal(p.Ctx, "late", "e", 9))
		p.Must(p.Signal(p.Ctx, "late", "e", 0))
		p.WantExit("late", "e", 0)
		harness.Refused(t, p.Signal(p.Ctx, "late", "e", 9), codes.NotFound, "process not found")
		harness.Refused(t, p.Signal(p.Ctx, "late", "", 65), codes.Internal, "65")
		p.Delete("late")
	})
}

// ready waits for a container to say that it is.
func (p *pod) ready(cid string) {
	p.T.Helper()
	if out, err := p.ReadStdout(p.Ctx, cid, "", 6); err != nil || string(out) != "ready\n" {
		p.T.Fatalf("container %s: %q, %v", cid, out, err)
	}
}

// settledSession waits until a container's only child of the agent is its init.
func (p *pod) settledSession(cid string) {
	p.T.Helper()
	p.Until("the session of "+cid+" has been reaped", func() bool { return len(p.Children()) == 1 })
}
