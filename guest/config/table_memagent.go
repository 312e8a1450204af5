// SPDX-License-Identifier: Apache-2.0

package config

import "math"

// maxCompactOrder is well above MAX_PAGE_ORDER of every kernel configuration,
// and keeps 2<<order in range.
const maxCompactOrder = 31

func memAgent(m *MemAgent) []option {
	return []option{
		memOption("enable", boolean{p: &m.Enable},
			"Runs the memory agent, which gives memory back that containers do not use; see memory-agent.md."),
		memOption("memcg_disable", boolean{p: &m.MemcgDisable},
			"Turns proactive reclaim off."),
		memOption("memcg_swap", boolean{p: &m.MemcgSwap},
			"Lets proactive reclaim swap, where the guest has free swap space."),
		memOption("memcg_swappiness_max", number[uint8]{p: &m.MemcgSwappinessMax, max: math.MaxUint8, unit: "number"},
			"Highest swappiness used by proactive reclaim; 0 swaps nothing, above 200 is 200."),
		memOption("memcg_period_secs", duration{&m.MemcgPeriod},
			"Time between two rounds of proactive reclaim, at least a second."),
		memOption("memcg_period_psi_percent_limit", percent(&m.MemcgPeriodPSIPercentLimit),
			"A round passes over a cgroup whose pressure (PSI of memory and I/O) over the period is above this."),
		memOption("memcg_eviction_psi_percent_limit", percent(&m.MemcgEvictionPSIPercentLimit),
			"Eviction of a cgroup stops when its pressure meanwhile is above this."),
		memOption("memcg_eviction_run_aging_count_min", count(&m.MemcgEvictionRunAgingCountMin),
			"Rounds of ageing from which on a cgroup's pages are evicted."),
		memOption("compact_disable", boolean{p: &m.CompactDisable},
			"Turns compaction off."),
		memOption("compact_period_secs", duration{&m.CompactPeriod},
			"Time between two checks for compaction, at least a second."),
		memOption("compact_period_psi_percent_limit", percent(&m.CompactPeriodPSIPercentLimit),
			"A check is skipped when the guest's pressure (PSI of memory and I/O) over the period is above this."),
		memOption("compact_psi_percent_limit", percent(&m.CompactPSIPercentLimit),
			"Compaction stops when the guest's pressure within a second is above this."),
		memOption("compact_sec_max", duration{&m.CompactMax},
			"Longest time one compaction may take."),
		memOption("compact_order", number[uint8]{p: &m.CompactOrder, max: maxCompactOrder, unit: "page order"},
			"Free blocks below this order count as fragmented."),
		memOption("compact_threshold", count(&m.CompactThreshold),
			"Pages more in smaller free blocks, or fewer free pages, than after the last compaction make another one worth while; 2 << compact_order unless given."),
		memOption("compact_force_times", count(&m.CompactForceTimes),
			"Compacts regardless of the threshold after so many checks without one; the default means never."),
	}
}

// memOption names a row. The TOML key without the mem_agent prefix is accepted
// too, except for "enable", which says too little on its own.
func memOption(name string, v value, doc string) option {
	o := option{
		words: []string{"agent.mem_agent_" + name},
		keys:  []string{"mem_agent_" + name},
		value: v,
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
