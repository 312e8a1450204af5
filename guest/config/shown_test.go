// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// place is a test, and how its file speaks of an option.
type place struct{ file, test, says string }

// shownBy names for each option the tests that show that it does what docs/configuration.md says. An
// option of a part that the agent does not have yet needs none: the table names that part.
var shownBy = map[string][]place{
	"agent.server_addr":         {atWork("TestOptionServerAddress", "agent.server_addr=")},
	"agent.log":                 {atWork("TestOptionLogLevel", "agent.log=")},
	"agent.log_vport":           {sideChannel("agent.log_vport=")},
	"agent.trace":               {{"test/integration/trace_test.go", "TestTrace", "agent.trace "}},
	"agent.trace_endpoint":      {{"test/integration/trace_test.go", "TestTrace", "agent.trace_endpoint="}},
	"agent.debug_console":       {sideChannel(`"agent.debug_console"`)},
	"agent.debug_console_vport": {sideChannel("agent.debug_console_vport=")},
	"agent.devmode":             {atWork("TestOptionDevmode", "agent.devmode")},
	"agent.policy_file":         {atWork("TestOptionPolicyFile", "agent.policy_file=")},
	"agent.hotplug_timeout":     {{"test/fault/trouble_test.go", "TestDeviceThatNeverComes", "agent.hotplug_timeout=2"}},
	"agent.cdi_timeout":         {atWork("TestOptionCDITimeout", "agent.cdi_timeout=")},
	"agent.step_warning":        {{"test/fault/live_test.go", "TestHangingOperationIsSeen", "agent.step_warning="}},
	"agent.step_warning_again":  {{"test/fault/live_test.go", "TestHangingOperationIsSeen", "agent.step_warning_again="}},

	"agent.container_pipe_size":  {atWork("TestOptionPipeSize", "agent.container_pipe_size=")},
	"agent.container_init":       {atWork("TestOptionContainerInit", "agent.container_init=")},
	"agent.vsock_local":          {{"cmd/kata-agent/options_test.go", "TestVsockLocal", "agent.vsock_local=true"}, {"rpc/server/hostonly_test.go", "TestHostOnly", "HostOnly("}},
	"agent.keep_containers":      {{"test/fault/survival_test.go", "TestContainersOutliveACrash", "agent.keep_containers"}, {"test/vm/restart_test.go", "TestConnectionOutlivesACrash", "agent.keep_containers"}},
	"agent.passfd_listener_port": {{"test/integration/passfd_test.go", "TestPassedStreams", "harness.Passing"}},
	"agent.visible_cdi_devices":  {atWork("TestOptionVisibleCDIDevices", "agent.visible_cdi_devices=true")},

	"agent.cdh_api_timeout":           {hub("TestSealedSecretThatTakesTooLong", "agent.cdh_api_timeout=")},
	"agent.image_pull_timeout":        {hub("TestGuestPullEndsAtItsLimit", "agent.image_pull_timeout=")},
	"agent.secure_storage_integrity":  {hub("TestTrustedStore", "agent.secure_storage_integrity=")},
	"agent.guest_components_procs":    {ofComponents("TestGuestComponents", "agent.guest_components_procs=")},
	"agent.guest_components_rest_api": {ofComponents("TestGuestComponents", "agent.guest_components_rest_api=")},
	"agent.https_proxy":               {ofComponents("TestGuestComponents", "agent.https_proxy=")},
	"agent.no_proxy":                  {ofComponents("TestGuestComponents", "agent.no_proxy=")},
	"agent.launch_process_timeout":    {ofComponents("TestComponentWithoutSocket", "agent.launch_process_timeout=")},

	"systemd.unified_cgroup_hierarchy": {{"guest/config/load_test.go", "TestUnifiedCgroups", "systemd.unified_cgroup_hierarchy"}, {"test/vm/init_test.go", "TestInit", "CgroupV2"}},
	"cgroup_no_v1":                     {{"guest/config/load_test.go", "TestUnifiedCgroups", "cgroup_no_v1=all"}, {"test/vm/init_test.go", "TestInit", "CgroupV2"}},

	"agent.mem_agent_enable":                             memory("enable", place{"test/vm/memagent_test.go", "TestMemAgent", "agent.mem_agent_enable=1"}),
	"agent.mem_agent_memcg_disable":                      memory("memcg_disable", timer("TestDisabledIsNothing", "Disabled: ptr(true)")),
	"agent.mem_agent_memcg_swap":                         memory("memcg_swap", effect("TestEachReclaimSetting", "mem_agent_memcg_swap")),
	"agent.mem_agent_memcg_swappiness_max":               memory("memcg_swappiness_max", effect("TestEachReclaimSetting", "mem_agent_memcg_swappiness_max")),
	"agent.mem_agent_memcg_period_secs":                  memory("memcg_period_secs", timer("TestRounds", "Memcg{Period: time.Minute}")),
	"agent.mem_agent_memcg_period_psi_percent_limit":     memory("memcg_period_psi_percent_limit", effect("TestEachReclaimSetting", "mem_agent_memcg_period_psi_percent_limit")),
	"agent.mem_agent_memcg_eviction_psi_percent_limit":   memory("memcg_eviction_psi_percent_limit", effect("TestEvictionPressureSetting", "mem_agent_memcg_eviction_psi_percent_limit")),
	"agent.mem_agent_memcg_eviction_run_aging_count_min": memory("memcg_eviction_run_aging_count_min", effect("TestEachReclaimSetting", "mem_agent_memcg_eviction_run_aging_count_min")),
	"agent.mem_agent_compact_disable":                    memory("compact_disable", timer("TestDisabledIsNothing", "CompactChange{Disabled: ptr(true)}")),
	"agent.mem_agent_compact_period_secs":                memory("compact_period_secs", timer("TestRounds", "Compact{Period: time.Hour}")),
	"agent.mem_agent_compact_period_psi_percent_limit":   memory("compact_period_psi_percent_limit", effect("TestEachCompactSetting", "mem_agent_compact_period_psi_percent_limit")),
	"agent.mem_agent_compact_psi_percent_limit":          memory("compact_psi_percent_limit", place{"guest/memagent/memagent_test.go", "TestCompactionEnds", "errPressure"}),
	"agent.mem_agent_compact_sec_max":                    memory("compact_sec_max", place{"guest/memagent/memagent_test.go", "TestCompactionEnds", "errTooLong"}),
	"agent.mem_agent_compact_order":                      memory("compact_order", effect("TestEachCompactSetting", "mem_agent_compact_order")),
	"agent.mem_agent_compact_threshold":                  memory("compact_threshold", effect("TestEachCompactSetting", "mem_agent_compact_threshold")),
	"agent.mem_agent_compact_force_times":                memory("compact_force_times", effect("TestEachCompactSetting", "mem_agent_compact_force_times")),
}

func ofComponents(test, says string) place {
	return place{"test/integration/components_test.go", test, says}
}

func atWork(test, says string) place {
	return place{"test/integration/options_test.go", test, says}
}

func hub(test, says string) place {
	return place{"test/integration/confidential_test.go", test, says}
}

func sideChannel(says string) place { return place{"test/vm/vsock_test.go", "TestSideChannels", says} }

// memory is an option of the memory agent: that it gets there, and what comes of it.
func memory(name string, what place) []place {
	return []place{{"cmd/kata-agent/options_test.go", "TestMemAgentOptions", "agent.mem_agent_" + name}, what}
}

func timer(test, says string) place {
	return place{"actors/memagent/memagent_test.go", test, says}
}

func effect(test, says string) place { return place{"guest/memagent/effects_test.go", test, says} }

// TestEveryOptionIsShown walks the option table.
func TestEveryOptionIsShown(t *testing.T) {
	known := map[string]bool{}
	for _, o := range options(Default()) {
		known[o.name()] = true
		if len(shownBy[o.name()]) == 0 {
			t.Errorf("%s: no test shows that it does what docs/configuration.md says", o.name())
		}
		for _, p := range shownBy[o.name()] {
			p.check(t, o.name())
		}
	}
	for name := range shownBy {
		if !known[name] {
			t.Errorf("a test is named for %s, which is no option", name)
		}
	}
}

// check looks for the test in its file, and for what the file says of the option.
func (p place) check(t *testing.T, option string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", p.file))
	if err != nil {
		t.Error(err)
		return
	}
	if !regexp.MustCompile(`(?m)^func ` + p.test + `\(t \*testing\.T\)`).Match(text) {
		t.Errorf("%s: %s has no %s", option, p.file, p.test)
	}
	if !strings.Contains(string(text), p.says) {
		t.Errorf("%s: %s does not say %q", option, p.file, p.says)
	}
}
