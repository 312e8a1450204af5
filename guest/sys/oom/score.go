// SPDX-License-Identifier: Apache-2.0

package oom

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

const (
	// Never is the adjustment of a process that the kernel does not kill for memory, and
	// Last that of one which it kills after all others.
	Never, Last = -1000, -999
	// Neutral is what the kernel gives to everybody.
	Neutral = 0
)

const adjustment = "oom_score_adj"

// Protect takes the calling process out of the OOM killer's choice, or makes it the last
// one where that is refused. The error says that both were (CAP_SYS_RESOURCE is needed to
// go below what the process has); its adjustment is then as it was. proc is where procfs
// is mounted.
func Protect(proc string) error {
	var errs []error
	for _, score := range []int{Never, Last} {
		if Own(proc) <= score {
			return nil
		}
		if err := Set(proc, "self", score); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) < 2 {
		return nil
	}
	return fmt.Errorf("protect the agent from the OOM killer: %w", errors.Join(errs...))
}

// Own is the calling process's adjustment; Neutral if it cannot be read.
func Own(proc string) int {
	text, err := sysfs.Read(filepath.Join(proc, "self", adjustment))
	if err != nil {
		return Neutral
	}
	score, err := strconv.Atoi(text)
	if err != nil {
		return Neutral
	}
	return score
}

// Set gives a process, by its number or "self", an adjustment between -1000 and 1000.
func Set(proc, process string, score int) error {
	return sysfs.Write(filepath.Join(proc, process, adjustment), strconv.Itoa(score))
}

// Inherited tells which adjustment a process is given for which nobody has asked for one:
// Neutral if the agent is protected, else nil, which is the agent's own. To lower that
// again may be refused.
func Inherited(proc string) *int {
	if Own(proc) >= Neutral {
		return nil
	}
	score := Neutral
	return &score
}
