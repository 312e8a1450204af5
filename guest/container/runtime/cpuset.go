// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// fitCPUs makes the CPUs that r asks for those that the guest has: hosts name their own,
// and a set the guest cannot give is no reason to fail. If not all are online, the
// container gets all that are (the rule of Kata's cpuset document).
func fitCPUs(sys string, r *specs.LinuxResources) error {
	if r == nil || r.CPU == nil || r.CPU.Cpus == "" {
		return nil
	}
	requested, err := cgroup.ParseCPUSet(r.CPU.Cpus)
	if err != nil {
		return fmt.Errorf("cpuset: %w", err)
	}
	online, err := cgroup.OnlineCPUs(sys)
	if err != nil {
		return fmt.Errorf("cpuset: %w", err)
	}
	fitting, _ := cgroup.EffectiveCPUs(requested, online)
	r.CPU.Cpus = fitting.String()
	return nil
}

func wantedCPUs(l *specs.Linux) string {
	if l == nil || l.Resources == nil || l.Resources.CPU == nil {
		return ""
	}
	return l.Resources.CPU.Cpus
}

// WidenCPUs gives the container's cgroup the CPUs that the guest has got since it was made:
// those it asked for, or all if it asked for none. Its parents are widened first.
func (c *Container) WidenCPUs() error {
	dir, ok := c.cgroup.GetPaths()["cpuset"]
	if unified, v2 := c.CgroupPaths()[""]; v2 {
		dir, ok = unified, true
	}
	if !ok {
		return nil
	}
	online, err := cgroup.OnlineCPUs(c.options.Sys)
	if err != nil {
		return err
	}
	var own cgroup.CPUSet
	if c.wantedCPUs != "" {
		requested, err := cgroup.ParseCPUSet(c.wantedCPUs)
		if err != nil {
			return err
		}
		own, _ = cgroup.EffectiveCPUs(requested, online)
	}
	mount, path := splitCgroup(filepath.Join(c.options.Sys, "fs/cgroup"), dir)
	if err := cgroup.SetCPUs(mount, path, own, online); err != nil {
		return fmt.Errorf("container %q: %w", c.id, err)
	}
	return nil
}

// splitCgroup parts a cgroup's directory at the mount point of its hierarchy: the root of
// all on v2, a directory of the controller's name below it on v1.
func splitCgroup(root, dir string) (mount, path string) {
	rest := strings.TrimPrefix(dir, root)
	if name, below, ok := strings.Cut(strings.TrimPrefix(rest, "/"), "/"); ok && strings.Contains(name, "cpuset") {
		return filepath.Join(root, name), below
	}
	return root, rest
}
