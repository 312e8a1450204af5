// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper is a process in a cgroup; it is killed and reaped at the end.
func sleeper(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "10000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(fmt.Sprint(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// freezers are the machine's; a container can freeze what is below it, too.
func freezers(t *testing.T) map[string]func(t *testing.T) Freezer {
	t.Helper()
	return map[string]func(t *testing.T) Freezer{
		"v1": func(t *testing.T) Freezer { return Freezer{Dir: v1Group(t, "freezer")} },
		"v2": func(t *testing.T) Freezer { return Freezer{Dir: realUnifiedGroup(t), Unified: true} },
	}
}

// TestThawAllWalksDown: a process in a nested cgroup that was frozen by itself dies of a
// SIGKILL only when that one is thawed, on cgroup v1.
func TestThawAllWalksDown(t *testing.T) {
	for name, make := range freezers(t) {
		t.Run(name, func(t *testing.T) {
			f := make(t)
			nested := Freezer{Dir: filepath.Join(f.Dir, "a/b"), Unified: f.Unified}
			if err := os.MkdirAll(nested.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = nested.Thaw()
				removeGroup(t, nested.Dir)
				removeGroup(t, filepath.Dir(nested.Dir))
			})
			cmd := sleeper(t, nested.Dir)
			for _, g := range []Freezer{nested, f} {
				if err := g.Freeze(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := unix.Kill(cmd.Process.Pid, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := f.ThawAll(); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil { // hangs if a cgroup is frozen still
				t.Error("it was not killed")
			}
		})
	}
}

// TestFreezeWaitsUntilTheDeadline: what cannot be frozen in time is thawed, and until then
// nobody gives up. A kernel that is slow to freeze is a file here.
func TestFreezeWaitsUntilTheDeadline(t *testing.T) {
	for name, f := range map[string]Freezer{"v1": {}, "v2": {Unified: true}} {
		t.Run(name, func(t *testing.T) {
			f.Dir = t.TempDir()
			put := func(file, text string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(f.Dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			state, busy, done := "freezer.state", "", "FROZEN\n"
			if f.Unified {
				state, busy, done = "cgroup.freeze", "populated 1\nfrozen 0\n", "populated 1\nfrozen 1\n"
				put("cgroup.events", busy)
			}
			put(state, "")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			if !f.Unified { // what is written reads as FROZEN at once: a pipe says nothing but FREEZING
				if err := os.Remove(filepath.Join(f.Dir, state)); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink("/dev/null", filepath.Join(f.Dir, state)); err != nil {
					t.Fatal(err)
				}
			}
			go func() { ended <- f.Freeze(ctx) }()
			select {
			case err := <-ended:
				t.Fatalf("it has given up: %v", err)
			case <-time.After(1500 * time.Millisecond): // clock: on a slow machine it looks less often; the v1 freezer of the library gave up after less than 1 s
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want the end of the context", err)
			}
			if f.Unified {
				if b, _ := os.ReadFile(filepath.Join(f.Dir, state)); strings.TrimSpace(string(b))[0] != '0' {
					t.Errorf("left frozen: %q", b)
				}
				put("cgroup.events", done)
				if err := f.Freeze(t.Context()); err != nil {
					t.Errorf("freeze: %v", err)
				}
			}
		})
	}
}

// TestFreezeAgain freezes, thaws and freezes what runs.
func TestFreezeAgain(t *testing.T) {
	for name, make := range freezers(t) {
		t.Run(name, func(t *testing.T) {
			f := make(t)
			sleeper(t, f.Dir)
			for range 3 {
				if err := f.Freeze(t.Context()); err != nil {
					t.Fatal(err)
				}
				if frozen, err := f.frozen(); err != nil || !frozen {
					t.Errorf("frozen: %v, %v", frozen, err)
				}
				if err := f.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
