// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/cgroups"
)

// Hosts send limits for their own kernel: page sizes, controllers and files that the guest's
// may not have. Such a limit is no reason to fail. It is taken out before libcontainer writes it,
// and told.

// limit is a limit, or several that the kernel takes by the same file.
type limit struct {
	controller string // of cgroup v1
	// v1 and v2 are the files by which the kernel takes it; one of them is enough. Without any,
	// the version of cgroups has no such limit.
	v1, v2 []string
	// value is the limit in words, "" when it is not given.
	value func(*cgroups.Resources) string
	drop  func(*cgroups.Resources)
	// room, if any, tells whether the cgroups above have as much to give.
	room func(*cgroups.Resources, *kernel) bool
}

func (l limit) given(r *cgroups.Resources, k *kernel) bool { return l.room == nil || l.room(r, k) }

// number is the value of a limit that is not given when it is zero.
func number[T int64 | uint64 | uint32 | uint16](name string, v T) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%s=%d", name, v)
}

// text is the value of a limit that is not given when it is empty.
func text(name, v string) string {
	if v == "" {
		return ""
	}
	return name + "=" + v
}

// entries is the value of a limit that is a list.
func entries[T any](name string, list []T) string {
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("%s for %d devices", name, len(list))
}

var limits = slices.Concat(cpuLimits, memoryLimits, blockLimits, otherLimits)

var cpuLimits = []limit{
	{
		controller: "cpu", v1: []string{"cpu.shares"}, v2: []string{"cpu.weight"},
		value: func(r *cgroups.Resources) string { return number("cpu.shares", r.CpuShares) },
		drop:  func(r *cgroups.Resources) { r.CpuShares, r.CpuWeight = 0, 0 },
	},
	{
		controller: "cpu", v1: []string{"cpu.cfs_quota_us"}, v2: []string{"cpu.max"},
		value: func(r *cgroups.Resources) string {
			return join(number("cpu.quota", r.CpuQuota), number("cpu.period", r.CpuPeriod))
		},
		drop: func(r *cgroups.Resources) { r.CpuQuota, r.CpuPeriod, r.CpuBurst = 0, 0, nil },
	},
	{
		controller: "cpu", v1: []string{"cpu.rt_runtime_us"}, v2: nil,
		value: func(r *cgroups.Resources) string {
			return join(number("cpu.realtimeRuntime", r.CpuRtRuntime), number("cpu.realtimePeriod", r.CpuRtPeriod))
		},
		drop: func(r *cgroups.Resources) { r.CpuRtRuntime, r.CpuRtPeriod = 0, 0 },
		room: func(r *cgroups.Resources, k *kernel) bool { return k.hasRealtime(r.CpuRtRuntime) },
	},
	{
		controller: "cpuset", v1: []string{"cpuset.cpus"}, v2: []string{"cpuset.cpus"},
		value: func(r *cgroups.Resources) string {
			return join(text("cpuset.cpus", r.CpusetCpus), text("cpuset.mems", r.CpusetMems))
		},
		drop: func(r *cgroups.Resources) { r.CpusetCpus, r.CpusetMems = "", "" },
	},
}

var memoryLimits = []limit{
	{
		controller: "memory", v1: []string{"memory.limit_in_bytes"}, v2: []string{"memory.max"},
		value: func(r *cgroups.Resources) string { return number("memory.limit", r.Memory) },
		drop:  func(r *cgroups.Resources) { r.Memory = 0 },
	},
	{ // kernels without CONFIG_SWAP, or with swapaccount=0
		controller: "memory", v1: []string{"memory.memsw.limit_in_bytes"}, v2: []string{"memory.swap.max"},
		value: func(r *cgroups.Resources) string { return number("memory.swap", r.MemorySwap) },
		drop:  func(r *cgroups.Resources) { r.MemorySwap = 0 },
	},
	{
		controller: "memory", v1: []string{"memory.soft_limit_in_bytes"}, v2: []string{"memory.low"},
		value: func(r *cgroups.Resources) string { return number("memory.reservation", r.MemoryReservation) },
		drop:  func(r *cgroups.Resources) { r.MemoryReservation = 0 },
	},
	{
		controller: "memory", v1: []string{"memory.swappiness"}, v2: nil,
		value: func(r *cgroups.Resources) string {
			if r.MemorySwappiness == nil {
				return ""
			}
			return "memory.swappiness=" + strconv.FormatUint(*r.MemorySwappiness, 10)
		},
		drop: func(r *cgroups.Resources) { r.MemorySwappiness = nil },
	},
	{
		controller: "memory", v1: []string{"memory.oom_control"}, v2: nil,
		value: func(r *cgroups.Resources) string {
			if !r.OomKillDisable {
				return ""
			}
			return "memory.disableOOMKiller"
		},
		drop: func(r *cgroups.Resources) { r.OomKillDisable = false },
	},
}

var blockLimits = []limit{
	{
		controller: "blkio", v1: []string{"blkio.weight", "blkio.bfq.weight"}, v2: []string{"io.weight", "io.bfq.weight"},
		value: func(r *cgroups.Resources) string { return number("blockIO.weight", r.BlkioWeight) },
		drop:  func(r *cgroups.Resources) { r.BlkioWeight = 0 },
	},
	{
		controller: "blkio", v1: []string{"blkio.leaf_weight"}, v2: nil,
		value: func(r *cgroups.Resources) string { return number("blockIO.leafWeight", r.BlkioLeafWeight) },
		drop:  func(r *cgroups.Resources) { r.BlkioLeafWeight = 0 },
	},
	{
		controller: "blkio", v1: []string{"blkio.weight_device", "blkio.bfq.weight_device"}, v2: []string{"io.bfq.weight"},
		value: func(r *cgroups.Resources) string { return entries("blockIO.weightDevice", r.BlkioWeightDevice) },
		drop:  func(r *cgroups.Resources) { r.BlkioWeightDevice = nil },
	},
	{
		controller: "blkio", v1: []string{"blkio.throttle.read_bps_device"}, v2: []string{"io.max"},
		value: func(r *cgroups.Resources) string {
			return entries("blockIO.throttle", slices.Concat(r.BlkioThrottleReadBpsDevice, r.BlkioThrottleWriteBpsDevice,
				r.BlkioThrottleReadIOPSDevice, r.BlkioThrottleWriteIOPSDevice))
		},
		drop: func(r *cgroups.Resources) {
			r.BlkioThrottleReadBpsDevice, r.BlkioThrottleWriteBpsDevice = nil, nil
			r.BlkioThrottleReadIOPSDevice, r.BlkioThrottleWriteIOPSDevice = nil, nil
		},
	},
}

var otherLimits = []limit{
	{
		controller: "pids", v1: []string{"pids.max", "cgroup.procs"}, v2: []string{"pids.max"}, // v1: in each of its cgroups but the root
		value: func(r *cgroups.Resources) string {
			if r.PidsLimit == nil {
				return ""
			}
			return fmt.Sprintf("pids.limit=%d", *r.PidsLimit)
		},
		drop: func(r *cgroups.Resources) { r.PidsLimit = nil },
	},
	{
		controller: "net_cls", v1: []string{"net_cls.classid"}, v2: nil,
		value: func(r *cgroups.Resources) string { return number("network.classID", r.NetClsClassid) },
		drop:  func(r *cgroups.Resources) { r.NetClsClassid = 0 },
	},
	{
		controller: "net_prio", v1: []string{"net_prio.ifpriomap"}, v2: nil,
		value: func(r *cgroups.Resources) string { return entries("network.priorities", r.NetPrioIfpriomap) },
		drop:  func(r *cgroups.Resources) { r.NetPrioIfpriomap = nil },
	},
	{
		controller: "rdma", v1: []string{"rdma.max"}, v2: []string{"rdma.max"},
		value: func(r *cgroups.Resources) string {
			if len(r.Rdma) == 0 {
				return ""
			}
			return fmt.Sprintf("rdma for %d devices", len(r.Rdma))
		},
		drop: func(r *cgroups.Resources) { r.Rdma = nil },
	},
}

func join(values ...string) string {
	return strings.Join(slices.DeleteFunc(values, func(v string) bool { return v == "" }), " ")
}

// dropUnsupported takes those limits out of r that the kernel has no file for, and returns them.
func dropUnsupported(r *cgroups.Resources, k *kernel) (dropped []string) {
	for _, l := range limits {
		if value := l.value(r); value != "" && !(k.takes(l.controller, l.v1, l.v2) && l.given(r, k)) {
			dropped = append(dropped, value)
			l.drop(r)
		}
	}
	r.HugetlbLimit = slices.DeleteFunc(slices.Clone(r.HugetlbLimit), func(h *cgroups.HugepageLimit) bool {
		name := "hugetlb." + h.Pagesize
		known := k.takes("hugetlb", []string{name + ".limit_in_bytes"}, []string{name + ".max"})
		if !known {
			dropped = append(dropped, fmt.Sprintf("hugepageLimits %s=%d", h.Pagesize, h.Limit))
		}
		return !known
	})
	unified := map[string]string{}
	for key, value := range r.Unified {
		if strings.Contains(key, "/") || k.takes("", nil, []string{key}) {
			unified[key] = value
		} else {
			dropped = append(dropped, fmt.Sprintf("unified %s=%s", key, value))
		}
	}
	if r.Unified = unified; len(unified) == 0 {
		r.Unified = nil // cgroup v1 refuses an empty one too
	}
	slices.Sort(dropped)
	return dropped
}
