// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Update changes the limits that r names and leaves the others as they are. When the
// kernel refuses one, the former limits are put back.
func (c *Container) Update(r *specs.LinuxResources) error {
	wanted := wantedCPUs(&specs.Linux{Resources: r})
	if err := fitCPUs(c.options.Sys, r); err != nil {
		return fmt.Errorf("update container %q: %w", c.id, err)
	}
	merged := mergeResources(c.spec.Linux.Resources, r)
	if err := checkMemory(merged); err != nil {
		return fmt.Errorf("update container %q: %w", c.id, err)
	}
	spec := &specs.Spec{Linux: &specs.Linux{CgroupsPath: c.spec.Linux.CgroupsPath, Resources: merged}}
	converted, err := specconv.CreateCgroupConfig(&specconv.CreateOpts{
		CgroupName: c.id, UseSystemdCgroup: c.systemd, Spec: spec,
	}, nil)
	if err != nil {
		return fmt.Errorf("update container %q: %w", c.id, err)
	}
	boundPids(c.options, converted.Resources)
	c.told.once(c.id, notEnforced, dropUnsupported(converted.Resources, kernelOf(c.cgroup, c.options.Sys)))
	if err := c.setResources(converted.Resources); err != nil {
		return fmt.Errorf("update container %q: %w", c.id, err)
	}
	c.spec.Linux.Resources = merged
	if wanted != "" {
		c.wantedCPUs = wanted
	}
	return nil
}

// setResources writes limits to the cgroup, and on failure the former ones again. It goes
// by our own manager: libcontainer's has a lock that a start holds, and its configuration
// is read by sessions that start meanwhile. Device rules do not change here, and writing
// them again would open a gap.
func (c *Container) setResources(r *cgroups.Resources) error {
	r.SkipDevices = true
	if err := c.cgroup.Set(r); err != nil {
		return errors.Join(err, c.cgroup.Set(formerly(c.limits, r)))
	}
	c.limits = r
	return nil
}

// formerly is what was in force before r was written: limits that there were none of are lifted.
func formerly(limits, r *cgroups.Resources) *cgroups.Resources {
	out := *limits
	lift := func(to *int64, changed int64) {
		if *to == 0 && changed != 0 {
			*to = noLimit
		}
	}
	lift(&out.Memory, r.Memory)
	lift(&out.MemorySwap, r.MemorySwap)
	lift(&out.CpuQuota, r.CpuQuota)
	if out.PidsLimit == nil && r.PidsLimit != nil {
		none := int64(noLimit)
		out.PidsLimit = &none
	}
	out.SkipDevices = true
	return &out
}

// mergeResources returns old with what update sets. Hosts send only what changes: zero
// values have become nil in the conversion from the wire.
func mergeResources(old, update *specs.LinuxResources) *specs.LinuxResources {
	if update == nil {
		return old
	}
	out := specs.LinuxResources{}
	if old != nil {
		out = *old
	}
	out.CPU = mergeCPU(out.CPU, update.CPU)
	out.Memory = mergeMemory(out.Memory, update.Memory)
	if update.Pids != nil {
		out.Pids = update.Pids
	}
	if update.BlockIO != nil {
		out.BlockIO = update.BlockIO
	}
	if len(update.HugepageLimits) > 0 {
		out.HugepageLimits = update.HugepageLimits
	}
	if update.Network != nil {
		out.Network = update.Network
	}
	if len(update.Unified) > 0 {
		out.Unified = update.Unified
	}
	return &out
}

func mergeCPU(old, update *specs.LinuxCPU) *specs.LinuxCPU {
	if old == nil || update == nil {
		return either(update, old)
	}
	out := *old
	set(&out.Shares, update.Shares)
	set(&out.Quota, update.Quota)
	set(&out.Period, update.Period)
	set(&out.RealtimeRuntime, update.RealtimeRuntime)
	set(&out.RealtimePeriod, update.RealtimePeriod)
	if update.Cpus != "" {
		out.Cpus = update.Cpus
	}
	if update.Mems != "" {
		out.Mems = update.Mems
	}
	return &out
}

func mergeMemory(old, update *specs.LinuxMemory) *specs.LinuxMemory {
	if old == nil || update == nil {
		return either(update, old)
	}
	out := *old
	set(&out.Limit, update.Limit)
	set(&out.Reservation, update.Reservation)
	set(&out.Swap, update.Swap)
	set(&out.Swappiness, update.Swappiness)
	set(&out.DisableOOMKiller, update.DisableOOMKiller)
	if update.Limit != nil && update.Swap == nil && out.Swap != nil && over(*out.Limit, *out.Swap) {
		out.Swap = out.Limit
	}
	return &out
}

// noLimit is the limit that lifts another.
const noLimit = -1

// over tells whether a limit of memory is above one of memory and swap together, which the kernel
// of cgroup v1 refuses and which is no amount of swap on v2. An update of memory alone raises the
// other to it, or lifts both: the container then has no swap, or no limit at all.
func over(memory, withSwap int64) bool {
	return withSwap != noLimit && (memory == noLimit || memory > withSwap)
}

// checkMemory refuses a limit of memory and swap together that is below the one of memory.
func checkMemory(r *specs.LinuxResources) error {
	if r == nil || r.Memory == nil || r.Memory.Swap == nil || *r.Memory.Swap == noLimit {
		return nil
	}
	m := r.Memory
	if m.Limit == nil || *m.Limit == noLimit {
		return fmt.Errorf("memory and swap together cannot be limited to %d bytes without a limit of memory", *m.Swap)
	}
	if over(*m.Limit, *m.Swap) {
		return fmt.Errorf("memory and swap together cannot be limited to %d bytes, below the %d of memory", *m.Swap, *m.Limit)
	}
	return nil
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

func either[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}
