// SPDX-License-Identifier: Apache-2.0

// Package host plays the runtime of a Kata host towards an agent in a VM: one
// long-lived ttRPC connection over vsock, the calls of a pod's life in the
// order a host makes them, containers from a busybox root file system.
//
// Methods that take a testing.TB fail that test, and every call is bounded.
// Try is the one to use where an error is wanted. The package knows nothing of
// the agent but its messages.
package host
