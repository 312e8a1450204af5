// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"github.com/kata-containers/kata-agent/guest/memagent"
	"github.com/kata-containers/kata-agent/protocols"
)

// MemcgChange converts the settings of eviction that a request has.
func MemcgChange(q *protocols.MemAgentMemcgConfig) (c memagent.MemcgChange) {
	if v, ok := q.XDisabled.(*protocols.MemAgentMemcgConfig_Disabled); ok {
		c.Disabled = &v.Disabled
	}
	if v, ok := q.XSwap.(*protocols.MemAgentMemcgConfig_Swap); ok {
		c.Swap = &v.Swap
	}
	if v, ok := q.XSwappinessMax.(*protocols.MemAgentMemcgConfig_SwappinessMax); ok {
		c.SwappinessMax = &v.SwappinessMax
	}
	if v, ok := q.XPeriodSecs.(*protocols.MemAgentMemcgConfig_PeriodSecs); ok {
		c.PeriodSecs = &v.PeriodSecs
	}
	if v, ok := q.XPeriodPsiPercentLimit.(*protocols.MemAgentMemcgConfig_PeriodPsiPercentLimit); ok {
		c.PeriodPressure = &v.PeriodPsiPercentLimit
	}
	if v, ok := q.XEvictionPsiPercentLimit.(*protocols.MemAgentMemcgConfig_EvictionPsiPercentLimit); ok {
		c.EvictionPressure = &v.EvictionPsiPercentLimit
	}
	if v, ok := q.XEvictionRunAgingCountMin.(*protocols.MemAgentMemcgConfig_EvictionRunAgingCountMin); ok {
		c.MinAgings = &v.EvictionRunAgingCountMin
	}
	return c
}

// CompactChange converts the settings of compaction that a request has.
func CompactChange(q *protocols.MemAgentCompactConfig) (c memagent.CompactChange) {
	if v, ok := q.XDisabled.(*protocols.MemAgentCompactConfig_Disabled); ok {
		c.Disabled = &v.Disabled
	}
	if v, ok := q.XPeriodSecs.(*protocols.MemAgentCompactConfig_PeriodSecs); ok {
		c.PeriodSecs = &v.PeriodSecs
	}
	if v, ok := q.XPeriodPsiPercentLimit.(*protocols.MemAgentCompactConfig_PeriodPsiPercentLimit); ok {
		c.PeriodPressure = &v.PeriodPsiPercentLimit
	}
	if v, ok := q.XCompactPsiPercentLimit.(*protocols.MemAgentCompactConfig_CompactPsiPercentLimit); ok {
		c.Pressure = &v.CompactPsiPercentLimit
	}
	if v, ok := q.XCompactSecMax.(*protocols.MemAgentCompactConfig_CompactSecMax); ok {
		c.MaxSecs = &v.CompactSecMax
	}
	if v, ok := q.XCompactOrder.(*protocols.MemAgentCompactConfig_CompactOrder); ok {
		c.Order = &v.CompactOrder
	}
	if v, ok := q.XCompactThreshold.(*protocols.MemAgentCompactConfig_CompactThreshold); ok {
		c.Threshold = &v.CompactThreshold
	}
	if v, ok := q.XCompactForceTimes.(*protocols.MemAgentCompactConfig_CompactForceTimes); ok {
		c.ForceTimes = &v.CompactForceTimes
	}
	return c
}
