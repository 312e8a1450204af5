// SPDX-License-Identifier: Apache-2.0

// Package restore notices that the machine was restored from a memory image, or has stood still. It
// asks whatever the machine has: the kernel's message about a new generation of the machine
// (vmgenid), the generation of vmclock, steps of the wall clock, and a PTP clock of the hypervisor.
//
// A Watch costs descriptors and no goroutine: whoever has a poller watches them, and looks when one
// is readable. Looking never blocks.
//
// It keeps what it has seen last, logs nothing and must import nothing of the agent.
package restore
