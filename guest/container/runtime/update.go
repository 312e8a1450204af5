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
	spec := &specs.Spec{Linux: &specs.Linux{CgroupsPath: c.spec.Linux.CgroupsPath, Resources: merged}}
	converted, err := specconv.CreateCgroupConfig(&specconv.CreateOpts{
		CgroupName: c.id, UseSystemdCgroup: c.systemd, Spec: spec,
	}, nil)
	if err != nil {
		return fmt.Errorf("update container %q: %w", c.id, err)
	}
	boundPids(c.options, converted.Resources)
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
		return errors.Join(err, c.cgroup.Set(c.limits))
	}
	c.limits = r
	return nil
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
	return &out
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
