// SPDX-License-Identifier: Apache-2.0

package load

import "slices"

// Usage is the short form of the samples.
type Usage struct {
	BeforeKiB int64 `json:"before_kib"` // anonymous and shared memory before anything
	PeakKiB   int64 `json:"peak_kib"`
	// HeldKiB is the memory while all that is to be held was open: the median of the samples of that
	// time, since one sample may be of a moment with garbage.
	HeldKiB  int64 `json:"held_kib,omitempty"`
	AfterKiB int64 `json:"after_kib"` // when all is over
	// PerHeldKiB is what each held session or container costs the agent.
	PerHeldKiB float64 `json:"per_held_kib,omitempty"`
	// CPUPercent is the processor time of the loads; 100 is one processor.
	CPUPercent        float64 `json:"cpu_percent"`
	PeakThreads       int     `json:"peak_threads"`
	BeforeDescriptors int     `json:"before_descriptors"`
	PeakDescriptors   int     `json:"peak_descriptors"`
	AfterDescriptors  int     `json:"after_descriptors"`
}

// usage: the first sample is of the idle agent, the second of the prepared one.
func usage(samples, held []Sample, count int) *Usage {
	if len(samples) < 2 {
		return nil
	}
	first, ready, last := samples[0], samples[1], samples[len(samples)-1]
	u := &Usage{
		BeforeKiB: first.MemoryKiB(), AfterKiB: last.MemoryKiB(),
		BeforeDescriptors: first.Descriptors, AfterDescriptors: last.Descriptors,
	}
	for _, s := range samples {
		u.PeakKiB = max(u.PeakKiB, s.MemoryKiB())
		u.PeakThreads = max(u.PeakThreads, s.Threads)
		u.PeakDescriptors = max(u.PeakDescriptors, s.Descriptors)
	}
	if took := last.T - ready.T; took > 0 {
		u.CPUPercent = (last.CPUSeconds - ready.CPUSeconds) / took * 100
	}
	if len(held) > 0 && count > 0 {
		u.HeldKiB = medianMemory(held)
		u.PerHeldKiB = float64(u.HeldKiB-ready.MemoryKiB()) / float64(count)
	}
	return u
}

// medianMemory is the memory in the middle of samples.
func medianMemory(samples []Sample) int64 {
	all := make([]int64, len(samples))
	for i, s := range samples {
		all[i] = s.MemoryKiB()
	}
	slices.Sort(all)
	return all[len(all)/2]
}
