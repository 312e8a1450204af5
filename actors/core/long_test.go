// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/kata-containers/kata-agent/actors/core"
)

// TestLongStepIsNoWarning: a healthy guest pulls images, and its log has no warning.
func TestLongStepIsNoWarning(t *testing.T) {
	bubble(t, func(e *env) {
		release, done := make(chan struct{}), make(chan error, 1)
		ctx := e.sys.From(e.t.Context(), core.Origin{Container: "c1"})
		go func() {
			done <- core.Step(ctx, core.StepPull, "/x", func(context.Context) error {
				<-release
				return nil
			})
		}()
		time.Sleep(40 * time.Second)
		if n := e.logs.FilterLevelExact(zap.WarnLevel).Len(); n != 0 {
			t.Errorf("warnings %v, want none", e.logs.FilterLevelExact(zap.WarnLevel).All())
		}
		if n := e.logs.FilterLevelExact(zap.InfoLevel).FilterMessageSnippet("image pull /x has run for").Len(); n != 2 {
			t.Errorf("named %d times, want at both limits", n)
		}
		release <- struct{}{}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
