// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
)

// TestMissingParts gives one warning for each part that is asked for and missing, with the options.
func TestMissingParts(t *testing.T) {

	for _, tc := range []struct {
		cmdline, toml string
		want          []string // option: part
	}{
		{"agent.trace", "", nil},
		{"agent.passfd_listener_port=1027", "", nil},
		{"agent.guest_components_procs=none agent.guest_components_rest_api=none", "", nil},
		{"agent.guest_components_procs=api-server-rest", "", []string{"agent.guest_components_procs: guest components"}},
		{"agent.guest_components_rest_api=all agent.guest_components_procs=attestation-agent", "",
			[]string{"agent.guest_components_rest_api, agent.guest_components_procs: guest components"}},
		{"agent.mem_agent_memcg_swap=1 agent.mem_agent_enable=1", "", nil},
		{"", `guest_components_procs = "api-server-rest"`, nil}, // the default: what the sample holds
		{"", `guest_components_procs = "attestation-agent"`, []string{"agent.guest_components_procs: guest components"}},
		{"agent.hotplug_timeout=9", "", nil},
	} {
		src := Sources{Cmdline: file(t, tc.cmdline)}
		if tc.toml != "" {
			src.File = file(t, tc.toml)
		}
		_, warnings, err := Load(src)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range warnings {
			got = append(got, w.Option+": "+w.Missing)
			if text := w.String(); !strings.Contains(text, w.Option+": no effect: this agent does not have "+w.Missing) {
				t.Errorf("the text %q does not name option and part", text)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s%s: warnings %q, want %q", tc.cmdline, tc.toml, got, tc.want)
		}
	}
}
