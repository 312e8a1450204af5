// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// TestMemAgentExample starts an agent with the words of docs/memory-agent.md and makes its calls. There
// are no rounds: the cgroups here are the machine's.
func TestMemAgentExample(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(harness.ModuleRoot(), "docs/memory-agent.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```\n")
	words, rest, _ := strings.Cut(rest, "\n```\n")
	_, rest, _ = strings.Cut(rest, "```sh\n")
	calls, _, ok := strings.Cut(rest, "```\n")
	if !ok || !strings.HasPrefix(words, "psi=1 ") {
		t.Fatal("docs/memory-agent.md has no example")
	}
	a := harness.Start(t, harness.Options{
		Cmdline: words + " agent.mem_agent_memcg_disable=true agent.mem_agent_compact_disable=true",
	})
	for _, want := range []string{"mem_agent_enable=true", "memcg_period_secs=300", "compact_period_secs=300"} {
		a.UntilLogged(1, `"announce"`, want)
	}
	for call := range strings.Lines(calls) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(call, "kata-agent-ctl", binary, 1))
		cmd.Env = append(os.Environ(), "KATA_AGENT_SERVER_ADDR="+a.Address)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s%v: %s", call, err, out)
		}
	}
}
