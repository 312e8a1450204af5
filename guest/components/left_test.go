// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// TestClearDead: what a dead agent has left is killed by its notes, with what it has started; a number that
// now belongs to somebody else, one that nobody has and a note without one are not a reason to kill.
func TestClearDead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "notes")
	r, out := run(t, shell(`sleep 1000 & echo child $!; wait`))
	other, _ := run(t, shell("sleep 1000"))
	child, _ := strconv.Atoi(out.await(t, "child "))
	if err := Note(dir, "hub", r); err != nil {
		t.Fatal(err)
	}
	if err := Note(dir, "attester", other); err != nil {
		t.Fatal(err)
	}
	// The attester's number is given to somebody who has started at another time.
	note := strconv.Itoa(other.PID()) + " 1\n"
	for name, text := range map[string]string{"attester": note, "gone": "4194304 1\n", "broken": "1 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	killed, err := ClearDead(guard.Context(t), dir)
	if !slices.Equal(killed, []string{"hub"}) || err == nil {
		t.Errorf("killed %q, %v, want the hub, and an error about the broken note", killed, err)
	}
	wantExit(t, t.Context(), r, 128+9)
	wantGone(t, child)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantExit(t, ctx, other, 128+15) // it lived
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("notes: %v, want them gone", err)
	}
	if killed, err := ClearDead(guard.Context(t), dir); len(killed) != 0 || err != nil {
		t.Errorf("without notes: %q, %v, want nothing", killed, err)
	}
}
