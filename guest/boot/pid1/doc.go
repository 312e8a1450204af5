// SPDX-License-Identifier: Apache-2.0

// Package pid1 is the init in front of the agent: when the binary starts as process 1,
// it forks before the Go runtime boots. The parent stays as init, in C and some 70 KiB
// small; the child is the agent.
//
// Init collects every orphan of the guest, so the agent never waits for a process that is
// not its own; it passes SIGTERM on, and when the agent ends, however it ends, it says why
// on the console, takes the network down, syncs and powers the guest off. A crash of the
// agent is no kernel panic.
//
// Where /dev is empty, as an initrd's may be, it makes the nodes that Go's runtime and the
// console need before it forks, or says why it cannot and powers off.
//
// An agent that wants to be followed by another one says so in memory that both have from init
// (guest/boot/keeper). Then init forks again when it has died, but for the fourth time within a minute, and
// notes there how processes end that have become its own.
//
// In every start of the binary it also sets ignored signals back to their defaults, and
// has the kernel give it no huge pages (PR_SET_THP_DISABLE); in those that become a container
// it lets Go's monitor sleep longer.
//
// "As init" elsewhere means "started by this init": see Started.
package pid1
