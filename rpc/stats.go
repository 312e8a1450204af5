// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/protocols"
)

// cgroupStats is the wire form of a container's figures. A controller that the guest does
// not have is an absent part.
func cgroupStats(s *cgroup.Stats) *protocols.CgroupStats {
	out := &protocols.CgroupStats{MemoryStats: memoryStats(s.Memory), BlkioStats: blkioStats(s.Blkio)}
	if c := s.CPU; c != nil {
		out.CpuStats = cpuStats(c)
	}
	if p := s.Pids; p != nil {
		out.PidsStats = &protocols.PidsStats{Current: p.Current, Limit: p.Limit}
	}
	for size, h := range s.Hugetlb {
		if out.HugetlbStats == nil {
			out.HugetlbStats = map[string]*protocols.HugetlbStats{}
		}
		out.HugetlbStats[size] = &protocols.HugetlbStats{Usage: h.Usage, MaxUsage: h.MaxUsage, Failcnt: h.Failcnt}
	}
	return out
}

func cpuStats(c *cgroup.CPUStats) *protocols.CpuStats {
	out := &protocols.CpuStats{}
	if u := c.Usage; u != nil {
		out.CpuUsage = &protocols.CpuUsage{
			TotalUsage: u.Total, PercpuUsage: u.PerCPU, UsageInKernelmode: u.Kernel, UsageInUsermode: u.User,
		}
	}
	if t := c.Throttling; t != nil {
		out.ThrottlingData = &protocols.ThrottlingData{
			Periods: t.Periods, ThrottledPeriods: t.ThrottledPeriods, ThrottledTime: t.Time,
		}
	}
	return out
}

func memoryStats(m *cgroup.MemoryStats) *protocols.MemoryStats {
	if m == nil {
		return nil
	}
	return &protocols.MemoryStats{
		Cache: m.Cache, Usage: memoryData(m.Usage), SwapUsage: memoryData(m.Swap),
		KernelUsage: memoryData(m.Kernel), UseHierarchy: m.UseHierarchy, Stats: m.Raw,
	}
}

func memoryData(d cgroup.MemoryData) *protocols.MemoryData {
	return &protocols.MemoryData{Usage: d.Usage, MaxUsage: d.MaxUsage, Failcnt: d.Failcnt, Limit: d.Limit}
}

func blkioStats(b *cgroup.BlkioStats) *protocols.BlkioStats {
	if b == nil {
		return nil
	}
	return &protocols.BlkioStats{
		IoServiceBytesRecursive: blkioEntries(b.ServiceBytes),
		IoServicedRecursive:     blkioEntries(b.Serviced),
		IoQueuedRecursive:       blkioEntries(b.Queued),
		IoServiceTimeRecursive:  blkioEntries(b.ServiceTime),
		IoWaitTimeRecursive:     blkioEntries(b.WaitTime),
		IoMergedRecursive:       blkioEntries(b.Merged),
		IoTimeRecursive:         blkioEntries(b.Time),
		SectorsRecursive:        blkioEntries(b.Sectors),
	}
}

func blkioEntries(in []cgroup.BlkioEntry) []*protocols.BlkioStatsEntry {
	out := make([]*protocols.BlkioStatsEntry, 0, len(in))
	for _, e := range in {
		out = append(out, &protocols.BlkioStatsEntry{Major: e.Major, Minor: e.Minor, Op: e.Op, Value: e.Value})
	}
	return out
}
