// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs2"
)

// kernel tells which files the guest's kernel has in the cgroups of a container.
type kernel struct {
	v2 bool
	// dirs are the directories by controller, as cgroups.Manager.GetPaths gives them. They need
	// not exist yet.
	dirs map[string]string
	// root is above all of them and no cgroup of a container's.
	root string
	// below has the names of the files that a new cgroup in a directory has.
	below map[string][]string
}

func kernelOf(m cgroups.Manager, sys string) *kernel {
	dirs := m.GetPaths()
	_, unified := dirs[""]
	return &kernel{v2: unified && len(dirs) == 1, dirs: dirs, root: filepath.Join(sys, "fs/cgroup"), below: map[string][]string{}}
}

// takes tells whether one of the files is there: those of v1 in the directory of the controller,
// those of v2 in the one for all.
func (k *kernel) takes(controller string, v1, v2 []string) bool {
	files := v1
	if k.v2 {
		controller, files = "", v2
	}
	dir, mounted := k.dirs[controller]
	if !mounted || len(files) == 0 {
		return false
	}
	deepest := ""
	for d := dir; d != k.root && strings.HasPrefix(d, k.root+"/") || k.v2 && d == k.root; d = filepath.Dir(d) {
		if !exists(d) {
			continue
		}
		if anyFile(d, files) {
			return true
		}
		if deepest == "" {
			deepest = d
		}
	}
	if deepest == "" || deepest == dir {
		return deepest == "" // no directory to look in: the write of the limit will report what is wrong
	}
	names, known := k.below[deepest]
	if !known {
		names = k.filesBelow(deepest)
		k.below[deepest] = names
	}
	return names == nil || slices.ContainsFunc(files, func(f string) bool { return slices.Contains(names, f) })
}

// filesBelow makes a cgroup for as long as it takes to look: the root of a hierarchy lacks files that
// the cgroups below it have. Nil is that it could not be made.
func (k *kernel) filesBelow(dir string) []string {
	probe, err := os.MkdirTemp(dir, "kata-agent-")
	if err != nil {
		return nil
	}
	defer os.Remove(probe)
	if k.v2 { // has the controllers given to the cgroups below, as the container's will have them
		_ = fs2.CreateCgroupPath(probe, &cgroups.Cgroup{Resources: &cgroups.Resources{}})
	}
	entries, err := os.ReadDir(probe)
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// hasRealtime tells whether the cgroup above a container's has that much real-time CPU to give: a
// new one has none, and the kernel refuses more than it has (sched-rt-group.rst).
func (k *kernel) hasRealtime(runtime int64) bool {
	dir, mounted := k.dirs["cpu"]
	if !mounted || k.v2 {
		return false
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "cpu.rt_runtime_us"))
	if err != nil {
		return false
	}
	has, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return err == nil && (has < 0 || has >= runtime)
}

func anyFile(dir string, files []string) bool {
	return slices.ContainsFunc(files, func(f string) bool { return exists(filepath.Join(dir, f)) })
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
