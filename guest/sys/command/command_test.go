// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/guest/sys/command"
	"github.com/kata-containers/kata-agent/test/guard"
)

func TestRun(t *testing.T) {
	ctx := t.Context()
	if err := command.Run(ctx, "true"); err != nil {
		t.Error(err)
	}
	var f *command.Failure
	err := command.Run(ctx, "sh", "-c", "echo out; echo err >&2; exit 3")
	if !errors.As(err, &f) || f.Code != 3 || f.Stdout != "out\n" || f.Stderr != "err\n" {
		t.Errorf("%v, %+v", err, f)
	}
	err = command.Run(ctx, "sh", "-c", "kill -TERM $$")
	if !errors.As(err, &f) || f.Signal != syscall.SIGTERM || f.Code != -1 {
		t.Errorf("%v, %+v", err, f)
	}
	if err := command.Run(ctx, "/no/such/program"); err == nil || errors.As(err, &f) && f.Path == "/no/such/program" {
		t.Errorf("a missing program: %v", err)
	}
	err = command.Run(ctx, "sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo end; exit 1")
	if !errors.As(err, &f) || len(f.Stdout) > 16<<10 || !strings.HasSuffix(f.Stdout, "xend\n") {
		t.Errorf("%d bytes kept", len(f.Stdout))
	}
}

func TestRunInput(t *testing.T) {
	if err := command.RunInput(t.Context(), []byte("se\x00cret\n"), "sh", "-c", `[ "$(od -An -c | tr -d ' ')" = 'se\0cret\n' ]`); err != nil {
		t.Error(err)
	}
	if err := command.Run(t.Context(), "sh", "-c", `[ -z "$(cat)" ]`); err != nil {
		t.Errorf("input from nowhere: %v", err)
	}
	// A program that does not read its input is no failure.
	if err := command.RunInput(t.Context(), make([]byte, 1<<20), "true"); err != nil {
		t.Error(err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, expire := guard.Expiring(t.Context())
	done := make(chan error, 1)
	mark := filepath.Join(t.TempDir(), "runs")
	// The grandchild is in the same group and holds the output.
	go func() { done <- command.Run(ctx, "sh", "-c", "sleep 1000 & touch "+mark+"; wait") }()
	guard.Until(t, "the command runs", func() bool { _, err := os.Stat(mark); return err == nil })
	expire()
	if err := guard.Receive(t, "the end of the command", done); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestRunDoesNotWaitForDescendants(t *testing.T) {
	child := filepath.Join(t.TempDir(), "child")
	done := make(chan error, 1)
	go func() { done <- command.Run(t.Context(), "sh", "-c", "sleep 10007 & echo $! > "+child+"; exit 0") }()
	if err := guard.Receive(t, "the command's end, not a descendant's", done); err != nil {
		t.Error(err)
	}
	if pid, err := os.ReadFile(child); err != nil {
		t.Error(err)
	} else if err := command.Run(t.Context(), "kill", "-9", strings.TrimSpace(string(pid))); err != nil {
		t.Error(err)
	}
}

// TestHead keeps what comes first, across writes, and takes the rest without an error.
func TestHead(t *testing.T) {
	h := &command.Head{Max: 5}
	for _, text := range []string{"abc", "de", "fgh"} {
		if over := h.Over(); over {
			t.Errorf("over before %q, want only after more than 5 bytes", text)
		}
		if n, err := h.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("write of %q: %d, %v, want all of it taken", text, n, err)
		}
	}
	if got := string(h.Bytes()); got != "abcde" || !h.Over() {
		t.Errorf("kept %q, over %t; want abcde and true", got, h.Over())
	}
}
