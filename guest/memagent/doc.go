// SPDX-License-Identifier: Apache-2.0

// Package memagent gives memory of the guest back that its containers do not use: cold
// pages are evicted cgroup by cgroup, and free memory is compacted, for only large free
// blocks are reported to the host.
//
// Both are done in rounds that somebody else calls for. A round is skipped, or ends early,
// when tasks wait for memory or input and output for a larger share of the time than the
// settings allow; what the kernel counts for that is called pressure stall information (PSI).
//
// Cold pages are known by the multi-generational LRU, or else, on cgroup v2, guessed from
// the inactive list and evicted by memory.reclaim. See the kernel's
// admin-guide/mm/multigen_lru.rst, admin-guide/cgroup-v2.rst and accounting/psi.rst.
//
// The package has no goroutine between rounds, logs nothing and measures by the monotonic clock.
package memagent
