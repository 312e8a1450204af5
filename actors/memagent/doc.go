// SPDX-License-Identifier: Apache-2.0

// Package memagent is the actor that has the settings of the memory agent and its timers.
// It is made only when the memory agent is on. The rounds of eviction and of compaction are
// works, at most one of each at a time.
package memagent
