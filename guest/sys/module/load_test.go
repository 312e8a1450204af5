// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/module"
)

// script writes a stand-in for modprobe.
func script(t *testing.T, body string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "modprobe")
	if err := os.WriteFile(p, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLoad(t *testing.T) {
	out := filepath.Join(t.TempDir(), "args")
	p := script(t, `for a in "$@"; do echo "<$a>"; done > `+out+"\n")
	if err := module.Load(t.Context(), p, "dummy", []string{"numdummies=2", "a=b c"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if want := "<-v>\n<dummy>\n<numdummies=2>\n<a=b c>\n"; string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLoadErrors(t *testing.T) {
	if err := module.Load(t.Context(), "", "", nil); !errors.Is(err, module.ErrNoName) {
		t.Errorf("got %v, want %v", err, module.ErrNoName)
	}
	err := module.Load(t.Context(), script(t, "echo no such module >&2; exit 1"), "x", nil)
	if err == nil || !strings.Contains(err.Error(), "load_kernel_module return code: 1 stdout: stderr:no such module") {
		t.Errorf("got %v, want the program's code and words", err)
	}
	if err := module.Load(t.Context(), script(t, "kill -9 $$"), "x", nil); !errors.Is(err, module.ErrSignal) {
		t.Errorf("got %v, want %v", err, module.ErrSignal)
	}
	for _, args := range [][]string{{"-r"}, {"x", "--remove"}} {
		if err := module.Load(t.Context(), script(t, ""), args[0], args[1:]); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // clock: nothing else ends it
	defer cancel()
	if err := module.Load(ctx, script(t, "sleep 1000"), "slow", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}
