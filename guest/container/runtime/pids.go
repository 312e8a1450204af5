// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"os"
	"path/filepath"

	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/opencontainers/cgroups"
)

// boundPids keeps a container's limit of processes within what the guest can give. A guest
// without the controller has no limits.
func boundPids(o Options, r *cgroups.Resources) {
	budget, known := cgroup.ReadPidsBudget(o.Proc)
	if known && cgroup.HasPids(filepath.Join(o.Sys, "fs/cgroup")) {
		r.PidsLimit = budget.Limit(r.PidsLimit)
	}
}

// podGroup is the cgroup above the container's that is the pod's, if the start of this
// container will make it; else "". One that is there already has its limit, or is not the
// agent's to limit: it may hold the agent itself.
func (c *Container) podGroup() string {
	paths := c.cgroup.GetPaths()
	dir := paths["pids"]
	if cgroups.IsCgroup2UnifiedMode() {
		dir = paths[""]
	}
	if dir == "" {
		return ""
	}
	pod := cgroup.PodGroup(dir)
	if _, err := os.Stat(pod); pod == "" || err == nil {
		return ""
	}
	return pod
}

// limitPod limits the pod's group as a whole. Where that fails the container's own limit
// stands.
func (c *Container) limitPod(pod string) {
	if pod == "" {
		return
	}
	if budget, known := cgroup.ReadPidsBudget(c.options.Proc); known {
		_ = cgroup.LimitPids(pod, budget.Pod)
	}
}
