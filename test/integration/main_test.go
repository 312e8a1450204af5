// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// background is a context that guards each call against a hang.
func background(t *testing.T) context.Context { return harness.Context(t) }
