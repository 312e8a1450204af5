// SPDX-License-Identifier: Apache-2.0

//go:build failpoints

package core_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/failpoint"
	"github.com/kata-containers/kata-agent/test/guard"
	"go.uber.org/zap"
)

// TestFailpoints: every kind of step has a point before and one after it, at which the work has not been
// done yet and has been done.
func TestFailpoints(t *testing.T) {
	s := core.NewSystem(zap.NewNop())
	defer s.Stop(context.Background())
	ctx := s.From(t.Context(), core.Origin{Container: "c1"})
	errFault := errors.New("fault")
	for _, k := range core.StepKinds() {
		for side, wantDone := range map[string]bool{".before": false, ".after": true} {
			clear := failpoint.Set(k.Kind.Point()+side, func(_ context.Context, at failpoint.Hit) error {
				if at.Container != "c1" || at.Object != "/x" {
					t.Errorf("hit %+v, want container c1 and object /x", at)
				}
				return errFault
			})
			done := false
			err := core.Step(ctx, k.Kind, "/x", func(context.Context) error { done = true; return nil })
			clear()
			if !errors.Is(err, errFault) || done != wantDone {
				t.Errorf("%s%s: %v, done %v; want %v, done %v", k.Name, side, err, done, errFault, wantDone)
			}
		}
	}
}

// TestFailpointFile: an agent reads its faults from a file, anew each time.
func TestFailpointFile(t *testing.T) {
	s := core.NewSystem(zap.NewNop())
	defer s.Stop(context.Background())
	ctx := s.From(t.Context(), core.Origin{Container: "c1", Method: "CreateContainer"})
	file := filepath.Join(t.TempDir(), "points")
	t.Setenv(failpoint.Variable, file)
	step := func() error {
		return core.Step(ctx, core.StepRuntimeCreate, "", func(context.Context) error { return nil })
	}
	set := func(line string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte("# a comment\n\n"+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	if err := step(); err != nil {
		t.Errorf("without a file: %v", err)
	}
	set("libcontainer-create.before=1*error(no space)")
	if err := step(); err == nil || err.Error() != "no space" {
		t.Errorf("got %v, want the text of the line", err)
	}
	if err := step(); err != nil {
		t.Errorf("the second hit: %v, want none", err)
	}
	set("libcontainer-create.after=panic(boom)")
	func() {
		defer func() {
			if got := recover(); got != "boom" {
				t.Errorf("got %v, want a panic", got)
			}
		}()
		_ = step()
	}()
	set("libcontainer-create.before=stuck")
	ended := make(chan error, 1)
	go func() { ended <- step() }()
	guard.Until(t, "the step stands still", func() bool { return len(s.Steps()) == 1 })
	set("")
	if err := guard.Receive(t, "the end of the step", ended); err != nil {
		t.Error(err)
	}
	set("mount.before=nonsense")
	if err := core.Step(ctx, core.StepMount, "", func(context.Context) error { return nil }); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v, want the unknown action", err)
	}
	text, err := os.ReadFile(file + ".hits")
	if want := `{"point":"libcontainer-create.before","container":"c1","method":"CreateContainer"}` + "\n"; err != nil || !strings.HasPrefix(string(text), want) {
		t.Errorf("hits %q, %v; want %q first", text, err, want)
	}
}
