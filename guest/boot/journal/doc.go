// SPDX-License-Identifier: Apache-2.0

// Package journal keeps what the next agent must know, should this one die: an entry is a file with a
// value in JSON, which is there whole or not at all. What is written is not forced to a disk: the
// directory lies in memory, and does not outlive the machine.
//
// It knows nothing of what the values mean, keeps no state but what waits to be written, logs nothing
// and must import nothing of the agent.
package journal
