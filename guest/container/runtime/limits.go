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
}

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
		"cpu", []string{"cpu.shares"}, []string{"cpu.weight"},
		func(r *cgroups.Resources) string { return number("cpu.shares", r.CpuShares) },
		func(r *cgroups.Resources) { r.CpuShares, r.CpuWeight = 0, 0 },
	},
	{
		"cpu", []string{"cpu.cfs_quota_us"}, []string{"cpu.max"},
		func(r *cgroups.Resources) string {
			return join(number("cpu.quota", r.CpuQuota), number("cpu.period", r.CpuPeriod))
		},
		func(r *cgroups.Resources) { r.CpuQuota, r.CpuPeriod, r.CpuBurst = 0, 0, nil },
	},
	{
		"cpu", []string{"cpu.rt_runtime_us"}, nil,
		func(r *cgroups.Resources) string {
			return join(number("cpu.realtimeRuntime", r.CpuRtRuntime), number("cpu.realtimePeriod", r.CpuRtPeriod))
		},
		func(r *cgroups.Resources) { r.CpuRtRuntime, r.CpuRtPeriod = 0, 0 },
	},
	{
		"cpuset", []string{"cpuset.cpus"}, []string{"cpuset.cpus"},
		func(r *cgroups.Resources) string {
			return join(text("cpuset.cpus", r.CpusetCpus), text("cpuset.mems", r.CpusetMems))
		},
		func(r *cgroups.Resources) { r.CpusetCpus, r.CpusetMems = "", "" },
	},
}

var memoryLimits = []limit{
	{
		"memory", []string{"memory.limit_in_bytes"}, []string{"memory.max"},
		func(r *cgroups.Resources) string { return number("memory.limit", r.Memory) },
		func(r *cgroups.Resources) { r.Memory = 0 },
	},
	{ // kernels without CONFIG_SWAP, or with swapaccount=0
		"memory", []string{"memory.memsw.limit_in_bytes"}, []string{"memory.swap.max"},
		func(r *cgroups.Resources) string { return number("memory.swap", r.MemorySwap) },
		func(r *cgroups.Resources) { r.MemorySwap = 0 },
	},
	{
		"memory", []string{"memory.soft_limit_in_bytes"}, []string{"memory.low"},
		func(r *cgroups.Resources) string { return number("memory.reservation", r.MemoryReservation) },
		func(r *cgroups.Resources) { r.MemoryReservation = 0 },
	},
	{
		"memory", []string{"memory.swappiness"}, nil,
		func(r *cgroups.Resources) string {
			if r.MemorySwappiness == nil {
				return ""
			}
			return "memory.swappiness=" + strconv.FormatUint(*r.MemorySwappiness, 10)
		},
		func(r *cgroups.Resources) { r.MemorySwappiness = nil },
	},
	{
		"memory", []string{"memory.oom_control"}, nil,
		func(r *cgroups.Resources) string {
			if !r.OomKillDisable {
				return ""
			}
			return "memory.disableOOMKiller"
		},
		func(r *cgroups.Resources) { r.OomKillDisable = false },
	},
}

var blockLimits = []limit{
	{
		"blkio", []string{"blkio.weight", "blkio.bfq.weight"}, []string{"io.weight", "io.bfq.weight"},
		func(r *cgroups.Resources) string { return number("blockIO.weight", r.BlkioWeight) },
		func(r *cgroups.Resources) { r.BlkioWeight = 0 },
	},
	{
		"blkio", []string{"blkio.leaf_weight"}, nil,
		func(r *cgroups.Resources) string { return number("blockIO.leafWeight", r.BlkioLeafWeight) },
		func(r *cgroups.Resources) { r.BlkioLeafWeight = 0 },
	},
	{
		"blkio", []string{"blkio.weight_device", "blkio.bfq.weight_device"}, []string{"io.bfq.weight"},
		func(r *cgroups.Resources) string { return entries("blockIO.weightDevice", r.BlkioWeightDevice) },
		func(r *cgroups.Resources) { r.BlkioWeightDevice = nil },
	},
	{
		"blkio", []string{"blkio.throttle.read_bps_device"}, []string{"io.max"},
		func(r *cgroups.Resources) string {
			return entries("blockIO.throttle", slices.Concat(r.BlkioThrottleReadBpsDevice, r.BlkioThrottleWriteBpsDevice,
				r.BlkioThrottleReadIOPSDevice, r.BlkioThrottleWriteIOPSDevice))
		},
		func(r *cgroups.Resources) {
			r.BlkioThrottleReadBpsDevice, r.BlkioThrottleWriteBpsDevice = nil, nil
			r.BlkioThrottleReadIOPSDevice, r.BlkioThrottleWriteIOPSDevice = nil, nil
		},
	},
}

var otherLimits = []limit{
	{
		"pids", []string{"pids.max", "cgroup.procs"}, []string{"pids.max"}, // v1: in each of its cgroups but the root
		func(r *cgroups.Resources) string {
			if r.PidsLimit == nil {
				return ""
			}
			return fmt.Sprintf("pids.limit=%d", *r.PidsLimit)
		},
		func(r *cgroups.Resources) { r.PidsLimit = nil },
	},
	{
		"net_cls", []string{"net_cls.classid"}, nil,
		func(r *cgroups.Resources) string { return number("network.classID", r.NetClsClassid) },
		func(r *cgroups.Resources) { r.NetClsClassid = 0 },
	},
	{
		"net_prio", []string{"net_prio.ifpriomap"}, nil,
		func(r *cgroups.Resources) string { return entries("network.priorities", r.NetPrioIfpriomap) },
		func(r *cgroups.Resources) { r.NetPrioIfpriomap = nil },
	},
	{
		"rdma", []string{"rdma.max"}, []string{"rdma.max"},
		func(r *cgroups.Resources) string {
			if len(r.Rdma) == 0 {
				return ""
			}
			return fmt.Sprintf("rdma for %d devices", len(r.Rdma))
		},
		func(r *cgroups.Resources) { r.Rdma = nil },
	},
}

func join(values ...string) string {
	return strings.Join(slices.DeleteFunc(values, func(v string) bool { return v == "" }), " ")
}

// dropUnsupported takes those limits out of r that the kernel has no file for, and returns them.
func dropUnsupported(r *cgroups.Resources, k *kernel) (dropped []string) {
	for _, l := range limits {
		if value := l.value(r); value != "" && !k.takes(l.controller, l.v1, l.v2) {
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
