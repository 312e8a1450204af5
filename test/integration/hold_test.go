// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestAgentHoldsItsMemory: soon after its start the agent's program is locked in memory, and a child
// holds what it needs to answer when there is no other.
func TestAgentHoldsItsMemory(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Until("the program is locked in memory", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
		p.Must(err)
		_, rest, found := strings.Cut(string(b), "VmLck:")
		size := strings.Fields(rest)
		return found && len(size) > 0 && size[0] != "0"
	})
	score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.Pid))
	p.Must(err)
	if s := strings.TrimSpace(string(score)); s != "-1000" && s != "-999" {
		t.Logf("the agent is not protected here (%s), so it has no reserve", s)
		return
	}
	p.Until("a child holds the reserve", func() bool {
		return slices.ContainsFunc(guesttest.Children(p.Pid), func(c guesttest.Child) bool { return c.Name == harness.Reserve })
	})
}
