// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestMemAgentOff: without agent.mem_agent_enable the settings are refused in the words that
// hosts know.
func TestMemAgentOff(t *testing.T) {
	a := harness.Start(t, harness.Options{Cmdline: "agent.mem_agent_memcg_swap=true"})
	var none protocols.Empty
	harness.Refused(t, a.Call(background(t), "MemAgentMemcgSet", &protocols.MemAgentMemcgConfig{}, &none),
		codes.Internal, "mem-agent is disabled")
	harness.Refused(t, a.Call(background(t), "MemAgentCompactSet", &protocols.MemAgentCompactConfig{}, &none),
		codes.Internal, "mem-agent is disabled")
}

// TestMemAgentSettings: all settings are taken, impossible ones refused. Both parts are off, for the
// cgroups here are the machine's.
func TestMemAgentSettings(t *testing.T) {
	a := harness.Start(t, harness.Options{
		Cmdline: "agent.mem_agent_compact_disable=true agent.mem_agent_memcg_disable=true agent.mem_agent_enable=1",
	})
	var none protocols.Empty
	for _, q := range []protocols.Message{
		&protocols.MemAgentMemcgConfig{},
		&protocols.MemAgentMemcgConfig{
			XSwap:                     &protocols.MemAgentMemcgConfig_Swap{Swap: true},
			XSwappinessMax:            &protocols.MemAgentMemcgConfig_SwappinessMax{SwappinessMax: 100},
			XPeriodSecs:               &protocols.MemAgentMemcgConfig_PeriodSecs{PeriodSecs: 60},
			XPeriodPsiPercentLimit:    &protocols.MemAgentMemcgConfig_PeriodPsiPercentLimit{PeriodPsiPercentLimit: 2},
			XEvictionPsiPercentLimit:  &protocols.MemAgentMemcgConfig_EvictionPsiPercentLimit{EvictionPsiPercentLimit: 2},
			XEvictionRunAgingCountMin: &protocols.MemAgentMemcgConfig_EvictionRunAgingCountMin{EvictionRunAgingCountMin: 4},
		},
		&protocols.MemAgentCompactConfig{
			XPeriodSecs:             &protocols.MemAgentCompactConfig_PeriodSecs{PeriodSecs: 60},
			XPeriodPsiPercentLimit:  &protocols.MemAgentCompactConfig_PeriodPsiPercentLimit{PeriodPsiPercentLimit: 2},
			XCompactPsiPercentLimit: &protocols.MemAgentCompactConfig_CompactPsiPercentLimit{CompactPsiPercentLimit: 6},
			XCompactSecMax:          &protocols.MemAgentCompactConfig_CompactSecMax{CompactSecMax: 30},
			XCompactOrder:           &protocols.MemAgentCompactConfig_CompactOrder{CompactOrder: 10},
			XCompactThreshold:       &protocols.MemAgentCompactConfig_CompactThreshold{CompactThreshold: 2048},
			XCompactForceTimes:      &protocols.MemAgentCompactConfig_CompactForceTimes{CompactForceTimes: 1 << 63},
		},
	} {
		method := "MemAgentMemcgSet"
		if _, ok := q.(*protocols.MemAgentCompactConfig); ok {
			method = "MemAgentCompactSet"
		}
		if err := a.Call(background(t), method, q, &none); err != nil {
			t.Errorf("%s of %v: %v", method, q, err)
		}
	}
	harness.Refused(t, a.Call(background(t), "MemAgentMemcgSet", &protocols.MemAgentMemcgConfig{
		XSwappinessMax: &protocols.MemAgentMemcgConfig_SwappinessMax{SwappinessMax: 300},
	}, &none), codes.InvalidArgument, "ma.memcg_set_config_async fail: ", "swappiness_max is 300")
	harness.Refused(t, a.Call(background(t), "MemAgentCompactSet", &protocols.MemAgentCompactConfig{
		XCompactSecMax: &protocols.MemAgentCompactConfig_CompactSecMax{CompactSecMax: -5},
	}, &none), codes.InvalidArgument, "ma.compact_set_config_async fail: ", "compact_sec_max is -5")
	for line := range strings.Lines(a.Log()) {
		if strings.Contains(line, "mem_agent") && strings.Contains(line, "WARN") {
			t.Errorf("a warning of an option that works: %s", line)
		}
	}
}
