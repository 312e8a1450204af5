// SPDX-License-Identifier: Apache-2.0

// Package module loads kernel modules by the guest image's modprobe.
//
// It keeps no state, logs nothing and must import nothing of the agent but
// guest/sys/command.
package module
