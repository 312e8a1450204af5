// SPDX-License-Identifier: Apache-2.0

package cgroup

// Stats are the figures of one container. A nil pointer or map means that the
// controller is not there, which is no error.
type Stats struct {
	CPU     *CPUStats
	Memory  *MemoryStats
	Pids    *PidsStats
	Blkio   *BlkioStats
	Hugetlb map[string]HugetlbStats // by page size, "2MB"
}

// CPUStats is the use of the CPU since the group was made.
type CPUStats struct {
	Usage      *CPUUsage
	Throttling *ThrottlingData
}

// CPUUsage is CPU time in nanoseconds. PerCPU is empty on cgroup v2.
type CPUUsage struct {
	Total  uint64
	PerCPU []uint64
	Kernel uint64
	User   uint64
}

// ThrottlingData counts bandwidth control periods; Time is in nanoseconds.
type ThrottlingData struct {
	Periods          uint64
	ThrottledPeriods uint64
	Time             uint64
}

// MemoryData is in bytes but for Failcnt, the number of times Limit was hit. Without a
// limit, Limit is what the kernel reports on v1 and the greatest uint64 on v2.
type MemoryData struct {
	Usage, MaxUsage, Failcnt, Limit uint64
}

// MemoryStats is the use of memory.
type MemoryStats struct {
	Cache uint64 // page cache, bytes
	Usage MemoryData
	// Swap is memory plus swap on v1 and swap alone on v2, as each version counts.
	Swap         MemoryData
	Kernel       MemoryData
	UseHierarchy bool
	Raw          map[string]uint64 // memory.stat as it is
}

// PidsStats counts tasks; a Limit of 0 is no limit.
type PidsStats struct {
	Current, Limit uint64
}

// BlkioEntry is one figure of one disk. Op is lower case: read, write, sync, async,
// discard, total, or empty.
type BlkioEntry struct {
	Major, Minor uint64
	Op           string
	Value        uint64
}

// BlkioStats is the use of disks, each list ordered by device.
type BlkioStats struct {
	ServiceBytes []BlkioEntry
	Serviced     []BlkioEntry
	Queued       []BlkioEntry
	ServiceTime  []BlkioEntry
	WaitTime     []BlkioEntry
	Merged       []BlkioEntry
	Time         []BlkioEntry
	Sectors      []BlkioEntry
}

// HugetlbStats is in bytes but for Failcnt.
type HugetlbStats struct {
	Usage, MaxUsage, Failcnt uint64
}
