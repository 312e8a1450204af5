// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kata-containers/kata-agent/test/guard"
)

// hook is a shell script as a hook.
func hook(body string) specs.Hook {
	return specs.Hook{Path: "/bin/sh", Args: []string{"/hook/sh", "-c", body}}
}

func state(t *testing.T) *specs.State {
	return &specs.State{Version: specs.Version, ID: "c1", Status: specs.StateCreated, Pid: 7, Bundle: t.TempDir()}
}

func TestHookSeesTheState(t *testing.T) {
	t.Setenv("AGENT_SECRET", "x")
	s := state(t)
	h := hook("cat > state; env > env; echo $0 > name")
	if err := RunHook(t.Context(), h, s); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(s.Bundle, name)) // the hook's directory is the bundle
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	var got specs.State
	if err := json.Unmarshal([]byte(read("state")), &got); err != nil || got.ID != "c1" || got.Pid != 7 || got.Bundle != s.Bundle {
		t.Errorf("state %+v, %v", got, err)
	}
	if strings.Contains(read("env"), "AGENT_SECRET") {
		t.Error("the hook has the agent's environment")
	}
	if read("name") != "/hook/sh\n" {
		t.Errorf("argv[0] %q", read("name"))
	}
}

func TestHookFails(t *testing.T) {
	for name, c := range map[string]struct {
		hook  specs.Hook
		words []string
	}{
		"status":  {hook("echo the reason >&2; exit 3"), []string{"/bin/sh", "exit status 3", "the reason"}},
		"missing": {specs.Hook{Path: "/nowhere/hook"}, []string{"/nowhere/hook"}},
		"chatty":  {hook("yes | head -c 1000000; exit 1"), []string{"exit status 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := RunHook(t.Context(), c.hook, state(t))
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not have %q", err, w)
				}
			}
			if len(err.Error()) > maxHookOutput+200 {
				t.Errorf("text of %d bytes", len(err.Error()))
			}
		})
	}
}

// TestHookHangs ends with its own limit, which is no deadline of the caller's, or with the
// caller, and takes what it has started with it.
func TestHookHangs(t *testing.T) {
	// The hook says which child it has, in a file that is there as a whole or not at all.
	hanging := func(limit int) specs.Hook {
		h := hook("sleep 10004 & echo $! > new; mv new child; wait")
		h.Timeout = &limit
		return h
	}
	child := func(s *specs.State) string {
		text, _ := os.ReadFile(filepath.Join(s.Bundle, "child"))
		return strings.TrimSpace(string(text))
	}
	gone := func(t *testing.T, pid string) {
		t.Helper()
		guard.Until(t, "what the hook has started is gone", func() bool {
			b, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || strings.Contains(string(b), ") Z")
		})
	}
	t.Run("limit", func(t *testing.T) {
		// On a busy machine the limit can be over before the hook has begun.
		for limit := 1; ; limit *= 2 {
			s := state(t)
			err := RunHook(t.Context(), hanging(limit), s)
			if err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), fmt.Sprintf("%ds", limit)) {
				t.Fatalf("limit of %d s: %v, want an error with %q", limit, err, fmt.Sprintf("%ds", limit))
			}
			if pid := child(s); pid != "" {
				gone(t, pid)
				return
			}
		}
	})
	t.Run("caller", func(t *testing.T) {
		s := state(t)
		ctx, expire := guard.Expiring(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- RunHook(ctx, hanging(0), s) }()
		guard.Until(t, "the hook runs", func() bool { return child(s) != "" })
		expire()
		if err := guard.Receive(t, "the end of the hook", ended); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		gone(t, child(s))
	})
}

// TestHookLeavesADaemon that keeps its output: the hook has ended all the same.
func TestHookLeavesADaemon(t *testing.T) {
	s := state(t)
	ended := make(chan error, 1)
	go func() { ended <- RunHook(t.Context(), hook("sleep 10005 & echo $! > child"), s) }()
	if err := guard.Receive(t, "the end of the hook", ended); err != nil {
		t.Error(err)
	}
	child, _ := os.ReadFile(filepath.Join(s.Bundle, "child"))
	if out := strings.TrimSpace(string(child)); out != "" {
		_ = RunHook(t.Context(), hook("kill -9 "+out), s)
	}
}

// TestCreateContainerHookIsNamed: what libcontainer says of a hook in the container's child has the
// hook's path and its output as the errors of the other hooks have them.
func TestCreateContainerHookIsNamed(t *testing.T) {
	hooks := &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/hooks/first"}, {Path: "/hooks/second"}}}
	const failed = "error during container init: error running createContainer hook #1: "
	for text, want := range map[string]string{
		failed + "exit status 3, stdout: , stderr: the reason\n":      failed + "hook /hooks/second: exit status 3: the reason",
		failed + "exit status 1, stdout: out\n, stderr: err\n":        failed + "hook /hooks/second: exit status 1: out\nerr",
		failed + "exit status 1, stdout: , stderr: ":                  failed + "hook /hooks/second: exit status 1",
		failed + "hook ran past specified timeout of 1.0s":            failed + "hook /hooks/second: hook ran past specified timeout of 1.0s",
		"error running createContainer hook #7: exit status 1":        "error running createContainer hook #7: exit status 1",
		"error running prestart hook #0: hook /x: exit status 1":      "error running prestart hook #0: hook /x: exit status 1",
		failed + "x, stdout: " + strings.Repeat("y", 2*maxHookOutput): failed + "hook /hooks/second: x: " + strings.Repeat("y", maxHookOutput),
	} {
		cause := errors.New(text)
		got := nameHook(cause, hooks)
		if got.Error() != want || !errors.Is(got, cause) {
			t.Errorf("%.120s\nis %.200s\nwant %.200s", text, got, want)
		}
	}
	if err := nameHook(nil, hooks); err != nil {
		t.Errorf("no error is %v, want none", err)
	}
}
