// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"math/bits"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// maxCPUs bounds a CPU number; the kernel's own limit, NR_CPUS, is at most 8192.
const maxCPUs = 8192

// CPUSet is a set of CPU numbers. The zero value is empty.
type CPUSet struct {
	words []uint64
}

// ParseCPUSet reads the kernel's list format, "0-3,8", see "List format" in cpuset(7).
// An empty text is the empty set.
func ParseCPUSet(text string) (CPUSet, error) {
	var set CPUSet
	text = strings.TrimSpace(text)
	if text == "" {
		return set, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := parseCPU(low)
		if err != nil {
			return CPUSet{}, fmt.Errorf("parse CPU list %q: %w", text, err)
		}
		last := first
		if isRange {
			if last, err = parseCPU(high); err != nil {
				return CPUSet{}, fmt.Errorf("parse CPU list %q: %w", text, err)
			}
		}
		if last < first {
			return CPUSet{}, fmt.Errorf("parse CPU list %q: range %s is reversed", text, part)
		}
		for cpu := first; cpu <= last; cpu++ {
			set.add(cpu)
		}
	}
	return set, nil
}

func parseCPU(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, err
	}
	if n >= maxCPUs {
		return 0, fmt.Errorf("CPU %d is out of range", n)
	}
	return int(n), nil
}

func (s *CPUSet) add(cpu int) {
	for len(s.words) <= cpu/64 {
		s.words = append(s.words, 0)
	}
	s.words[cpu/64] |= 1 << (cpu % 64)
}

func (s CPUSet) has(cpu int) bool {
	return cpu/64 < len(s.words) && s.words[cpu/64]&(1<<(cpu%64)) != 0
}

// Len returns the number of CPUs in the set.
func (s CPUSet) Len() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// IsSubsetOf tells whether every CPU of s is in t.
func (s CPUSet) IsSubsetOf(t CPUSet) bool {
	for i, w := range s.words {
		if i >= len(t.words) && w != 0 || i < len(t.words) && w&^t.words[i] != 0 {
			return false
		}
	}
	return true
}

// String returns the list format, with ranges.
func (s CPUSet) String() string {
	var b strings.Builder
	for cpu := 0; cpu < len(s.words)*64; cpu++ {
		if !s.has(cpu) {
			continue
		}
		first := cpu
		for s.has(cpu + 1) {
			cpu++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(first))
		if cpu > first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(cpu))
		}
	}
	return b.String()
}

// OnlineCPUs returns the CPUs that are online in the guest. sysRoot is "/sys".
func OnlineCPUs(sysRoot string) (CPUSet, error) {
	text, err := sysfs.Read(filepath.Join(sysRoot, "devices/system/cpu/online"))
	if err != nil {
		return CPUSet{}, fmt.Errorf("read online CPUs: %w", err)
	}
	return ParseCPUSet(text)
}

// EffectiveCPUs returns the CPUs a container gets that asks for requested: these if all
// are online, else all that are. The host numbers CPUs its own way, so a request that
// does not fit the guest is no error but cannot be kept in part either. exact is false
// when the request was replaced.
func EffectiveCPUs(requested, online CPUSet) (cpus CPUSet, exact bool) {
	if requested.IsSubsetOf(online) {
		return requested, true
	}
	return online, false
}
