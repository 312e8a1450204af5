// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"go.uber.org/zap"
)

// views are the steps under way as text: subject, step, since when, who has asked.
func (e *env) views() string {
	var all []string
	for _, v := range e.sys.Steps() {
		all = append(all, fmt.Sprintf("%s: %s %s [%s %s]", v.Subject(), v, v.For, v.Actor, v.Method))
	}
	return strings.Join(all, "\n")
}

// wantViews waits until everything waits.
func (e *env) wantViews(want ...string) {
	e.t.Helper()
	if got := e.views(); got != strings.Join(want, "\n") {
		e.t.Errorf("under way:\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// slowWork is asked of a busy actor.
type slowWork struct {
	core.Call[int]
	kind core.StepKind
}

// worker does one slowWork after the other, each until it is let go.
func worker(release chan struct{}) *script {
	busy := core.StepNone
	return &script{receive: func(t *core.Turn, m core.Message) {
		w := m.(*slowWork)
		if busy != core.StepNone {
			t.ParkBehind(busy)
			return
		}
		busy = w.kind
		asker := w.Context()
		core.Go(t, func(actor context.Context) (int, error) {
			ctx, cancel := core.Join(actor, asker)
			defer cancel()
			return 0, core.Step(ctx, w.kind, "/x", func(ctx context.Context) error {
				return core.Step(ctx, core.StepCreateRuntimeHook, "/hook", func(ctx context.Context) error {
					<-release
					return nil
				})
			})
		}, func(t *core.Turn, _ int, err error) {
			busy = core.StepNone
			w.Reply(0, err)
			t.Unpark()
		})
	}}
}

// TestStepsUnderWay: what is under way is in the table with its container, its request and its time, a
// request that waits with what it waits for, and each warning is given once.
func TestStepsUnderWay(t *testing.T) {
	bubble(t, func(e *env) {
		release := make(chan struct{})
		ref := e.spawn("sandbox", worker(release))
		ask := func(o core.Origin, kind core.StepKind) chan error {
			done := make(chan error, 1)
			go func() {
				_, err := core.Ask(e.sys.From(e.t.Context(), o), ref, &slowWork{kind: kind})
				done <- err
			}()
			return done
		}
		first := ask(core.Origin{Method: "CreateContainer", Container: "c1"}, core.StepRuntimeCreate)
		time.Sleep(time.Second)
		second := ask(core.Origin{Method: "ExecProcess", Container: "c1", Exec: "e1"}, core.StepPause)
		time.Sleep(time.Second)
		e.wantViews(
			"container c1: libcontainer create /x 2s [sandbox CreateContainer]",
			"container c1: createRuntime hook /hook 2s [sandbox CreateContainer]",
			"container c1, exec e1: queued behind libcontainer create 1s [sandbox ExecProcess]",
		)
		time.Sleep(40 * time.Second)
		var warnings []string
		for _, l := range e.logs.FilterLevelExact(zap.WarnLevel).All() {
			warnings = append(warnings, l.Message)
		}
		want := "container c1: createRuntime hook /hook has run for 5 s\n" +
			"container c1, exec e1: queued behind libcontainer create has waited for 5 s\n" +
			"container c1: createRuntime hook /hook has run for 30 s\n" +
			"container c1, exec e1: queued behind libcontainer create has waited for 30 s"
		if got := strings.Join(warnings, "\n"); got != want {
			t.Errorf("warnings:\n%s\nwant\n%s", got, want)
		}
		release <- struct{}{}
		release <- struct{}{}
		if err := errors.Join(<-first, <-second); err != nil {
			t.Error(err)
		}
		e.wantViews()
		for _, c := range e.sys.StepCounts() {
			if c.Kind == core.StepCreateRuntimeHook && (c.Begun != 2 || c.Slow != 1) {
				t.Errorf("%+v, want 2 hooks and 1 slow one", c)
			}
		}
	})
}

// TestStepsAtRestWakeNobody: without a step no timer is left, and with the limits off none is set.
func TestStepsAtRestWakeNobody(t *testing.T) {
	bubble(t, func(e *env) {
		ctx := e.sys.From(e.t.Context(), core.Origin{Container: "c1"})
		_ = core.Step(ctx, core.StepMount, "/x", func(context.Context) error {
			time.Sleep(time.Hour)
			return nil
		})
		if n := e.logs.FilterLevelExact(zap.WarnLevel).Len(); n != 0 {
			t.Errorf("%d warnings, want none", n)
		}
	}, core.WithStepLimits(core.StepLimits{}))
}

// TestStepThatPanics leaves the table, and the panic goes on.
func TestStepThatPanics(t *testing.T) {
	bubble(t, func(e *env) {
		ctx := e.sys.From(e.t.Context(), core.Origin{Container: "c1"})
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic does not go on")
				}
			}()
			_ = core.Step(ctx, core.StepMount, "/x", func(context.Context) error { panic("boom") })
		}()
		e.wantViews()
	})
}

// TestStepKindsAreDescribed: each kind has a name of its own and says what it does.
func TestStepKindsAreDescribed(t *testing.T) {
	names := map[string]bool{}
	for _, k := range core.StepKinds() {
		if k.Name == "" || k.Does == "" || names[k.Name] || k.Kind.String() != k.Name {
			t.Errorf("%+v, want a name of its own and what it does", k)
		}
		names[k.Name] = true
	}
}

func BenchmarkStep(b *testing.B) {
	s := core.NewSystem(zap.NewNop())
	defer s.Stop(context.Background())
	ctx := s.From(b.Context(), core.Origin{Method: "ExecProcess", Container: "c1", Exec: "e1"})
	work := func(context.Context) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		_ = core.Step(ctx, core.StepSpawn, "e1", work)
	}
}
