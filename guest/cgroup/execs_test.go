// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// execsEnv has the test's program execute itself again and again, with some threads each time.
const execsEnv = "AGENT_TEST_EXECS"

func execs() {
	for range 4 {
		go func() {
			runtime.LockOSThread()
			for {
				_ = unix.Pause()
			}
		}()
	}
	runtime.Gosched()
	_ = unix.Exec("/proc/self/exe", os.Args, os.Environ())
	os.Exit(1)
}

// TestFreezeInAnExecve: a thread that executes a program waits for the end of the others of its process.
// If these are frozen first they cannot end, and cgroup v1 never is all frozen, until it is thawed for
// long enough that they do. libcontainer's init executes the container's program so.
func TestFreezeInAnExecve(t *testing.T) {
	for name, make := range freezers(t) {
		t.Run(name, func(t *testing.T) {
			f := make(t)
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), execsEnv+"=1")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Thaw(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
			if err := os.WriteFile(filepath.Join(f.Dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
				t.Fatal(err)
			}
			for range 100 {
				if err := f.Freeze(guard.Context(t)); err != nil {
					t.Fatal(err)
				}
				if err := f.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestThawedForAWhile: what cannot be frozen is thawed between two tries, and not only for a moment.
func TestThawedForAWhile(t *testing.T) {
	f := Freezer{Dir: t.TempDir()}
	state := filepath.Join(f.Dir, "freezer.state")
	// What is written stands before a rest that stays, so it never reads as frozen.
	if err := os.WriteFile(state, []byte("......, and never frozen"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- f.Freeze(ctx) }()
		thawed := 0
		for range 1900 {
			time.Sleep(time.Millisecond)
			if b, err := os.ReadFile(state); err != nil || strings.HasPrefix(string(b), "THAWED") {
				thawed++
			}
		}
		if thawed < 50 {
			t.Errorf("thawed for %d ms within 1.9 s, want 50 or more", thawed)
		}
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the end of the context", err)
		}
	})
}
