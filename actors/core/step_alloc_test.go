// SPDX-License-Identifier: Apache-2.0

//go:build !failpoints

package core_test

import (
	"context"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"go.uber.org/zap"
)

// TestStepsAllocateNothing while nobody traces and no debug lines are wanted.
func TestStepsAllocateNothing(t *testing.T) {
	s := core.NewSystem(zap.NewNop())
	defer s.Stop(context.Background())
	ctx := s.From(t.Context(), core.Origin{Method: "ExecProcess", Container: "c1", Exec: "e1"})
	work := func(context.Context) error { return nil }
	if n := testing.AllocsPerRun(1000, func() { _ = core.Step(ctx, core.StepSpawn, "e1", work) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
