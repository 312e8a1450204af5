// SPDX-License-Identifier: Apache-2.0

// Package oom keeps the agent alive when the guest has no memory left.
//
// The kernel frees memory by killing the process that its score names
// (proc_pid_oom_score_adj(5)). Nothing protects the agent by itself: as init it is a child
// of process 1 and not process 1, and it is the biggest process as soon as the memory is
// taken by files or by many small ones. So Protect takes the agent out of the choice,
// LockProgram keeps its program in memory, KeepReserve holds what it needs to answer, and
// Start gives the programs that it runs the score of everybody else, which they would
// inherit from it.
//
// Start and KeepReserve run this binary again: whoever imports the package has a C
// constructor that looks for the argv[0] "kata-exec" and "kata-reserve". The package logs
// nothing and must import nothing of the agent.
package oom
