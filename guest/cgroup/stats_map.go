// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"cmp"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
)

// Controllers tells which controllers a group has, by their v1 names.
type Controllers struct {
	CPU, CPUAcct, Memory, Pids, Blkio, Hugetlb bool
	// Unified is true on cgroup v2, where two memory figures mean something else.
	Unified bool
}

// FromLibcontainer maps the library's figures. Those of a controller that is not in
// have are left out: the library reports them as zero, which a host could not tell from
// an idle container.
func FromLibcontainer(s *cgroups.Stats, have Controllers) *Stats {
	out := &Stats{}
	out.CPU = cpuStats(&s.CpuStats, have)
	if have.Memory {
		out.Memory = memoryStats(&s.MemoryStats, have.Unified)
	}
	if have.Pids {
		out.Pids = &PidsStats{Current: s.PidsStats.Current, Limit: s.PidsStats.Limit}
	}
	if have.Blkio {
		out.Blkio = blkioStats(&s.BlkioStats)
	}
	if have.Hugetlb {
		out.Hugetlb = make(map[string]HugetlbStats, len(s.HugetlbStats))
		for size, h := range s.HugetlbStats {
			out.Hugetlb[size] = HugetlbStats{Usage: h.Usage, MaxUsage: h.MaxUsage, Failcnt: h.Failcnt}
		}
	}
	return out
}

func cpuStats(s *cgroups.CpuStats, have Controllers) *CPUStats {
	if !have.CPU && !have.CPUAcct {
		return nil
	}
	out := &CPUStats{}
	if have.CPUAcct {
		out.Usage = &CPUUsage{
			Total:  s.CpuUsage.TotalUsage,
			PerCPU: s.CpuUsage.PercpuUsage,
			Kernel: s.CpuUsage.UsageInKernelmode,
			User:   s.CpuUsage.UsageInUsermode,
		}
	}
	if have.CPU {
		t := s.ThrottlingData
		out.Throttling = &ThrottlingData{
			Periods: t.Periods, ThrottledPeriods: t.ThrottledPeriods, Time: t.ThrottledTime,
		}
	}
	return out
}

func memoryStats(s *cgroups.MemoryStats, unified bool) *MemoryStats {
	out := &MemoryStats{
		Cache:        s.Cache,
		Usage:        memoryData(s.Usage),
		Swap:         memoryData(s.SwapUsage),
		Kernel:       memoryData(s.KernelUsage),
		UseHierarchy: s.UseHierarchy,
		Raw:          s.Stats,
	}
	if unified {
		// The library adds memory to swap to look like v1; hosts that show v2 figures
		// take this one as swap alone.
		out.Swap = memoryData(s.SwapOnlyUsage)
		// v2 has no kmem files, but memory.stat has the sum since Linux 5.18.
		out.Kernel.Usage = s.Stats["kernel"]
	}
	return out
}

func memoryData(d cgroups.MemoryData) MemoryData {
	return MemoryData{Usage: d.Usage, MaxUsage: d.MaxUsage, Failcnt: d.Failcnt, Limit: d.Limit}
}

func blkioStats(s *cgroups.BlkioStats) *BlkioStats {
	return &BlkioStats{
		ServiceBytes: blkioEntries(s.IoServiceBytesRecursive),
		Serviced:     blkioEntries(s.IoServicedRecursive),
		Queued:       blkioEntries(s.IoQueuedRecursive),
		ServiceTime:  blkioEntries(s.IoServiceTimeRecursive),
		WaitTime:     blkioEntries(s.IoWaitTimeRecursive),
		Merged:       blkioEntries(s.IoMergedRecursive),
		Time:         blkioEntries(s.IoTimeRecursive),
		Sectors:      blkioEntries(s.SectorsRecursive),
	}
}

// blkioEntries orders by device because the library takes io.stat through a map.
func blkioEntries(in []cgroups.BlkioStatEntry) []BlkioEntry {
	if len(in) == 0 {
		return nil
	}
	out := make([]BlkioEntry, len(in))
	for i, e := range in {
		out[i] = BlkioEntry{Major: e.Major, Minor: e.Minor, Op: strings.ToLower(e.Op), Value: e.Value}
	}
	slices.SortStableFunc(out, func(a, b BlkioEntry) int {
		return cmp.Or(cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor))
	})
	return out
}
