// SPDX-License-Identifier: Apache-2.0

package config

import "math"

// maxCompactOrder is well above MAX_PAGE_ORDER of every kernel configuration,
// and keeps 2<<order in range.
const maxCompactOrder = 31

func memAgent(m *MemAgent) []option {
	return []option{
		memOption("enable", boolean{p: &m.Enable},
			"Runs the memory agent. It needs a kernel with the multi-generational LRU."),
		memOption("memcg_disable", boolean{p: &m.MemcgDisable},
			"Turns proactive reclaim off."),
		memOption("memcg_swap", boolean{p: &m.MemcgSwap},
			"Lets proactive reclaim swap."),
		memOption("memcg_swappiness_max", number[uint8]{p: &m.MemcgSwappinessMax, max: math.MaxUint8, unit: "number"},
			"Highest swappiness used by proactive reclaim."),
		memOption("memcg_period_secs", duration{&m.MemcgPeriod},
			"Time between two rounds of proactive reclaim."),
		memOption("memcg_period_psi_percent_limit", percent(&m.MemcgPeriodPSIPercentLimit),
			"A round is skipped when memory pressure over the period is above this."),
		memOption("memcg_eviction_psi_percent_limit", percent(&m.MemcgEvictionPSIPercentLimit),
			"Eviction of a cgroup stops when its memory pressure is above this."),
		memOption("memcg_eviction_run_aging_count_min", count(&m.MemcgEvictionRunAgingCountMin),
			"Rounds of ageing before a cgroup's pages are evicted."),
		memOption("compact_disable", boolean{p: &m.CompactDisable},
			"Turns compaction off."),
		memOption("compact_period_secs", duration{&m.CompactPeriod},
			"Time between two checks for compaction."),
		memOption("compact_period_psi_percent_limit", percent(&m.CompactPeriodPSIPercentLimit),
			"A check is skipped when memory pressure over the period is above this."),
		memOption("compact_psi_percent_limit", percent(&m.CompactPSIPercentLimit),
			"Compaction stops when memory pressure is above this."),
		memOption("compact_sec_max", duration{&m.CompactMax},
			"Longest time one compaction may take."),
		memOption("compact_order", number[uint8]{p: &m.CompactOrder, max: maxCompactOrder, unit: "page order"},
			"Free blocks below this order count as fragmented."),
		memOption("compact_threshold", count(&m.CompactThreshold),
			"Fragmented free pages that make a compaction worth while; 2 << compact_order unless given."),
		memOption("compact_force_times", count(&m.CompactForceTimes),
			"Compacts regardless of the threshold after so many checks without one."),
	}
}

// memOption names a row. The TOML key without the mem_agent prefix is accepted
// too, except for "enable", which says too little on its own.
func memOption(name string, v value, doc string) option {
	o := option{
		words: []string{"agent.mem_agent_" + name},
		keys:  []string{"mem_agent_" + name},
		value: v,
		part:  partMemAgent,
		doc:   doc,
	}
	if name != "enable" {
		o.keys = append(o.keys, name)
	}
	return o
}

func percent(p *uint8) value {
	return number[uint8]{p: p, max: math.MaxUint8, unit: "percent"}
}

// count ends at the highest signed number because TOML has no unsigned ones.
func count(p *uint64) value {
	return number[uint64]{p: p, max: math.MaxInt64, unit: "number"}
}
