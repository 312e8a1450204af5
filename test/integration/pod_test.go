// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// pod is a harness.Pod with what only these tests do.
type pod struct{ *harness.Pod }

func newPod(t *testing.T, o harness.Options) *pod {
	t.Helper()
	return &pod{harness.NewPod(t, o)}
}

// onAgent is a pod without a sandbox.
func onAgent(t *testing.T, a *harness.Agent) *pod {
	t.Helper()
	return &pod{harness.OnAgent(t, a)}
}

// in is the same pod for a subtest.
func (p *pod) in(t *testing.T) *pod { return &pod{p.In(t)} }
