// SPDX-License-Identifier: Apache-2.0

// Package power waits for the machine's power button, which a host presses to have its
// guest shut down in order (QEMU's system_powerdown, "virsh shutdown").
//
// The kernel's ACPI driver reports it by generic netlink, family acpi_event; its module
// "button" must be there. The package keeps no state, logs nothing and must import nothing
// of the agent.
package power
