// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// older are families whose names hosts and dashboards know from the agents before; only these may
// break the rules.
var older = []string{
	"kata_agent_scrape_count", "kata_agent_total_", "kata_agent_proc_", "kata_agent_io_stat", "kata_agent_threads", "kata_guest_",
}

// TestMetricsFollowPrometheusRules: Prometheus' linter has nothing to say of the agent's own families, and
// they are there: containers, sessions, requests, steps, mailboxes, log lines.
func TestMetricsFollowPrometheusRules(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	p.Idle("c1")
	p.Output("c1", "e1", "true")
	var m protocols.Metrics
	p.Must(p.Call(p.Ctx, "GetMetrics", &protocols.GetMetricsRequest{}, &m))
	for _, want := range []string{
		`kata_agent_containers{state="running"} 1`, `kata_agent_sessions{state="running"} 1`,
		`kata_agent_pending_calls{method="GetMetrics"} 1`, `kata_agent_pending_call_oldest_seconds{method="GetMetrics"} `,
		`kata_agent_rpc_duration_seconds_count{method="CreateContainer"} 1`,
		`kata_agent_rpc_duration_seconds_bucket{method="ExecProcess",le="+Inf"} 1`,
		`kata_agent_steps_total{step="spawn"} 1`, `kata_agent_slow_steps_total{step="spawn"} `, `kata_agent_steps{step="mount"} 0`,
		`kata_agent_spawn_requests_total 1`, `kata_agent_hotplug_waits 0`, `kata_agent_mailbox_messages `,
		`kata_agent_deepest_mailbox_messages `, `kata_agent_log_lines_dropped_total 0`, `kata_agent_connections 1`,
	} {
		if !strings.Contains(m.Metrics, "\n"+want) {
			t.Errorf("no line %q in\n%s", want, m.Metrics)
		}
	}
	binary := filepath.Join(t.TempDir(), "promlint")
	build(t, "testdata/promlint", "go", "build", "-o", binary, ".")
	cmd := exec.Command(binary)
	cmd.Stdin = strings.NewReader(m.Metrics)
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("promlint: %v, %s", err, said)
	}
next:
	for line := range strings.Lines(string(said)) {
		for _, name := range older {
			if strings.HasPrefix(line, name) {
				continue next
			}
		}
		t.Errorf("promlint: %s", line)
	}
}
