// SPDX-License-Identifier: Apache-2.0

// Package netdev reads the interface counters of a network namespace from
// /proc/<pid>/net/dev.
//
// It promises to skip a line it does not understand instead of failing, so that one
// odd interface does not hide the others. It owns no state and must not import
// anything of this module.
package netdev
