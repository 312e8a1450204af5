// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
	"golang.org/x/sys/unix"
)

// Containers must leave process numbers and threads to the agent: with none left it can
// start neither a thread nor a program, and the Go runtime ends at a thread that it cannot
// have. Hosts send no limit, or one that is above what a small guest has.

// PidsBudget is how many processes and threads there may be.
type PidsBudget struct {
	// Pod is for all containers together. What is above it is the agent's.
	Pod int64
	// Container is for one of them. What is between the two is for the others when one
	// takes all that it may.
	Container int64
}

const (
	// reservedPids are numbers that the kernel gives out only once (RESERVED_PIDS in its
	// kernel/pid.c).
	reservedPids = 300
	// agentPids is how many are kept for the agent, the programs that it runs and what
	// else is in the guest, where there are many.
	agentPids = 512
	pidsFile  = "pids.max"
)

// ReadPidsBudget works the budget out from the kernel's limits. It is false where these
// cannot be read. proc is where procfs is mounted.
func ReadPidsBudget(proc string) (PidsBudget, bool) {
	numbers, err := readNumber(filepath.Join(proc, "sys/kernel/pid_max"))
	if err != nil {
		return PidsBudget{}, false
	}
	threads, err := readNumber(filepath.Join(proc, "sys/kernel/threads-max"))
	if err != nil {
		return PidsBudget{}, false
	}
	total := min(numbers-reservedPids, threads)
	kept := min(agentPids, total/4)
	b := PidsBudget{Pod: total - kept, Container: total - kept - kept/2}
	return b, b.Container > 0
}

func readNumber(path string) (int64, error) {
	text, err := sysfs.Read(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// Limit is a container's own limit within the budget: what its host asks for, or Container
// where that is more or no limit at all (nil, and -1 as the OCI has it).
func (b PidsBudget) Limit(asked *int64) *int64 {
	if asked != nil && *asked >= 0 && *asked <= b.Container {
		return asked
	}
	return &b.Container
}

// HasPids tells whether cgroup v2, or v1, of the mount point root has the pids controller.
func HasPids(root string) bool {
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		_, err = os.Stat(filepath.Join(root, "pids/cgroup.procs"))
		return err == nil
	}
	for name := range strings.FieldsSeq(string(controllers)) {
		if name == "pids" {
			return true
		}
	}
	return false
}

// PodGroup is the group right below the root of the hierarchy above dir, a container's
// group in it that need not exist: the one that all containers of a pod share. It is "" for
// a container whose own group that would be.
func PodGroup(dir string) string {
	dir = filepath.Clean(dir)
	var above []string // existing directories of the hierarchy, the lowest first
	var device uint64
	for d := dir; d != "/" && d != "."; d = filepath.Dir(d) {
		var stat unix.Stat_t
		if unix.Stat(d, &stat) != nil {
			continue
		}
		if len(above) > 0 && stat.Dev != device {
			break // what the hierarchy is mounted on
		}
		device = stat.Dev
		above = append(above, d)
	}
	if len(above) == 0 {
		return ""
	}
	root := above[len(above)-1]
	first, rest, _ := strings.Cut(strings.TrimPrefix(dir, root+"/"), "/")
	if rest == "" || dir == root {
		return ""
	}
	return filepath.Join(root, first)
}

// LimitPids sets the limit of a group that has none.
func LimitPids(dir string, limit int64) error {
	path := filepath.Join(dir, pidsFile)
	b, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(b)) != "max" {
		return err
	}
	return sysfs.Write(path, strconv.FormatInt(limit, 10))
}
