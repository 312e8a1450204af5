// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/cgroups"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// statsControllers are the ones a host gets to see; asking for no more spares the rdma,
// misc and cpuset reads.
const statsControllers = cgroups.CPU | cgroups.Memory | cgroups.Pids | cgroups.IO | cgroups.HugeTLB

// Read returns the figures of the group that m manages. A group that is gone, because
// its container has stopped, has none: the result is empty and the error nil.
//
// It reads many files and can block as long as the kernel holds a memory controller
// lock; call it outside any lock.
func Read(m cgroups.Manager) (*Stats, error) {
	paths := m.GetPaths()
	have := controllersOf(paths)
	raw, err := m.Stats(&cgroups.StatsOptions{Controllers: statsControllers})
	if err != nil {
		if controllersOf(paths) != have || have == (Controllers{Unified: have.Unified}) {
			return &Stats{}, nil
		}
		return nil, fmt.Errorf("read cgroup statistics: %w", err)
	}
	stats := FromLibcontainer(raw, have)
	if have.Unified && stats.Memory != nil {
		addFailcnt(paths[""], stats.Memory)
	}
	return stats, nil
}

// addFailcnt fills the failure counts that v2 keeps in event files and the library does
// not read. A missing file leaves 0.
func addFailcnt(dir string, m *MemoryStats) {
	m.Usage.Failcnt, _ = readKey(filepath.Join(dir, "memory.events"), "max")
	m.Swap.Failcnt, _ = readKey(filepath.Join(dir, "memory.swap.events"), "fail")
}

// controllersOf looks which controllers the group still has. paths is from
// [cgroups.Manager.GetPaths]: on v2 a single entry with an empty key; beside others that
// entry is the tree without controllers of a machine with v1.
func controllersOf(paths map[string]string) Controllers {
	if dir, ok := paths[""]; ok && len(paths) == 1 {
		return unifiedControllers(dir)
	}
	exists := func(name string) bool {
		dir := paths[name]
		return dir != "" && sysfs.IsDir(dir)
	}
	return Controllers{
		CPU: exists("cpu"), CPUAcct: exists("cpuacct"), Memory: exists("memory"),
		Pids: exists("pids"), Blkio: exists("blkio"), Hugetlb: exists("hugetlb"),
	}
}

func unifiedControllers(dir string) Controllers {
	c := Controllers{Unified: true}
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return c
	}
	for _, name := range strings.Fields(string(text)) {
		switch name {
		case "cpu":
			c.CPU = true
		case "memory":
			c.Memory = true
		case "pids":
			c.Pids = true
		case "io":
			c.Blkio = true
		case "hugetlb":
			c.Hugetlb = true
		}
	}
	// cpu.stat has the CPU time of a group whether or not the controller is enabled.
	c.CPUAcct = true
	return c
}
