// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/kata-containers/kata-agent/actors/agent"
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/memagent"
)

// memAgent is what the configuration says of the memory agent: nil if it is off.
func memAgent(m config.MemAgent) *agent.MemAgent {
	if !m.Enable {
		return nil
	}
	return &agent.MemAgent{
		Memcg: memagent.Memcg{
			Disabled: m.MemcgDisable, Swap: m.MemcgSwap, SwappinessMax: m.MemcgSwappinessMax, Period: m.MemcgPeriod,
			PeriodPressure: m.MemcgPeriodPSIPercentLimit, EvictionPressure: m.MemcgEvictionPSIPercentLimit,
			MinAgings: m.MemcgEvictionRunAgingCountMin,
		},
		Compact: memagent.Compact{
			Disabled: m.CompactDisable, Period: m.CompactPeriod, Max: m.CompactMax,
			PeriodPressure: m.CompactPeriodPSIPercentLimit, Pressure: m.CompactPSIPercentLimit,
			Order: m.CompactOrder, Threshold: m.CompactThreshold, ForceTimes: m.CompactForceTimes,
		},
	}
}

// compactMemory is this program as a child of the agent that is killed when it takes too long.
func compactMemory() int {
	if err := memagent.CompactNow("/proc"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
