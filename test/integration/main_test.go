// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// background is a context that guards a test against a hang.
func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
