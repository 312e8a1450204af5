// SPDX-License-Identifier: Apache-2.0

package pidfd

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/guard"
)

// start runs a shell command that nobody but the test waits for.
func start(t *testing.T, script string) *os.File {
	t.Helper()
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func awaitExit(t *testing.T, f *os.File) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(guard.Hang.Milliseconds()))
	for errors.Is(err, unix.EINTR) { // Go's own signals
		n, err = unix.Poll(fds, int(guard.Hang.Milliseconds()))
	}
	if n != 1 {
		t.Fatal("process does not exit", err)
	}
}

func TestWait(t *testing.T) {
	tests := []struct {
		script string
		want   int
	}{
		{"exit 0", 0},
		{"exit 3", 3},
		{"exit 255", 255},
		{"kill -9 $$", 137},
		{"kill -15 $$", 143},
		{"ulimit -c 0; kill -11 $$", 139},
	}
	for sig := 34; sig <= 64; sig += 6 {
		tests = append(tests, struct {
			script string
			want   int
		}{fmt.Sprintf("kill -%d $$", sig), 128 + sig})
	}
	for _, test := range tests {
		t.Run(test.script, func(t *testing.T) {
			f := start(t, test.script)
			awaitExit(t, f)
			code, exited, err := Wait(f)
			if err != nil || !exited || code != test.want {
				t.Errorf("got %d %t %v, want %d", code, exited, err, test.want)
			}
			if _, _, err := Wait(f); !errors.Is(err, unix.ECHILD) {
				t.Errorf("second wait: %v, want %v", err, unix.ECHILD)
			}
		})
	}
}

func TestSend(t *testing.T) {
	f := start(t, "exec sleep 1000")
	if _, exited, err := Wait(f); exited || err != nil {
		t.Fatalf("exited: %t, %v, want that it runs", exited, err)
	}
	if err := Send(f, 0); err != nil {
		t.Error(err)
	}
	if err := Send(f, 200); !errors.Is(err, unix.EINVAL) {
		t.Errorf("signal 200: %v, want %v", err, unix.EINVAL)
	}
	if err := Send(f, syscall.Signal(40)); err != nil {
		t.Error(err)
	}
	awaitExit(t, f)
	if err := Send(f, unix.SIGTERM); err != nil {
		t.Errorf("signal to a zombie: %v", err)
	}
	if code, _, err := Wait(f); code != 168 || err != nil {
		t.Errorf("%v, %v, want %v", code, err, 168)
	}
	if err := Send(f, unix.SIGKILL); !errors.Is(err, unix.ESRCH) {
		t.Errorf("signal to a reaped process: %v, want %v", err, unix.ESRCH)
	}
}

func TestClosedOrMissing(t *testing.T) {
	f := start(t, "exit 0")
	awaitExit(t, f)
	Wait(f)
	f.Close()
	if err := Send(f, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v, want %v", err, os.ErrClosed)
	}
	if _, err := Open(1 << 30); err == nil {
		t.Error("opened a process that cannot exist")
	}
}
