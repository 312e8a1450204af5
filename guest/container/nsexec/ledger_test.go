// SPDX-License-Identifier: Apache-2.0

package nsexec_test

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// TestHelperAndItsFreshCopyAreKilled kills both between the clone and the answer, when
// nobody has been told of the process. It must be reaped all the same, or the init of its
// pid namespace never ends.
func TestHelperAndItsFreshCopyAreKilled(t *testing.T) {
	c := newContainer(t, variant{})
	h := newHelper(t)
	run(t, h, c.request("true"))
	for range 3 {
		stopped, killed := make(chan int), make(chan struct{})
		go killAtClone(t, h.Pid(), stopped, killed)
		<-stopped
		// The request goes to the next helper then.
		if out, err := run(t, h, c.request("echo", "hi")); out != "hi\n" && !errors.Is(err, nsexec.ErrHelperDied) {
			t.Errorf("%q, %v", out, err)
		}
		<-killed
		run(t, h, c.request("true"))
	}
	guard.Until(t, "the process that nobody knew of is reaped", func() bool { return !hasZombie(t, "kata-spawner") })
}

// killAtClone traces the helper up to its next clone and kills it and the new process.
func killAtClone(t *testing.T, helper int, stopped chan<- int, killed chan<- struct{}) {
	runtime.LockOSThread() // the tracer is a thread, and goes with its goroutine
	defer close(killed)
	const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK
	err := unix.PtraceSeize(helper)
	if err == nil {
		err = unix.PtraceInterrupt(helper)
	}
	var status unix.WaitStatus
	if err == nil {
		_, err = unix.Wait4(helper, &status, unix.WALL, nil)
	}
	if err == nil {
		err = unix.PtraceSetOptions(helper, options)
	}
	if err == nil {
		err = unix.PtraceCont(helper, 0)
	}
	stopped <- helper
	if err != nil {
		t.Errorf("trace the helper: %v", err)
		return
	}
	if _, err := unix.Wait4(helper, &status, unix.WALL, nil); err != nil || !status.Stopped() {
		t.Errorf("wait for the clone: %v, %v", status, err)
		return
	}
	child, err := unix.PtraceGetEventMsg(helper)
	if err != nil || child == 0 {
		t.Errorf("the new process: %d, %v", child, err)
		return
	}
	unix.Kill(int(child), unix.SIGKILL)
	unix.Kill(helper, unix.SIGKILL)
}

// hasZombie tells whether this process has an unreaped child of the name.
func hasZombie(t *testing.T, name string) bool {
	t.Helper()
	return slices.ContainsFunc(guesttest.Children(os.Getpid()), func(c guesttest.Child) bool {
		return c.Name == name && c.State == "Z"
	})
}

// TestStoppedHelperIsReplaced: a helper that a signal has stopped answers nobody. Requests
// without a deadline must not wait for ever.
func TestStoppedHelperIsReplaced(t *testing.T) {
	c := newContainer(t, variant{})
	h := newHelper(t)
	run(t, h, c.request("true"))
	old := h.Pid()
	unix.Kill(old, unix.SIGSTOP)
	if out, err := run(t, h, c.request("echo", "hi")); out != "hi\n" {
		t.Errorf("%q, %v", out, err)
	}
	if now := h.Pid(); now == old || now == 0 {
		t.Errorf("the helper is process %d, was %d and stopped", now, old)
	}
}
