// SPDX-License-Identifier: Apache-2.0

// Package container is the actor of one container: its state machine, its processes,
// and the list of what must be undone when it goes.
//
// The actor itself never waits: whatever touches mounts, cgroups or processes runs beside
// the mailbox (core.Go), so that a create that hangs in a hook or a frozen cgroup holds up
// neither another container nor the signals, sessions and statistics of its own.
package container
