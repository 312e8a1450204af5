// SPDX-License-Identifier: Apache-2.0

// Package harness runs the agent for tests and benchmarks: as a process of its own, in a
// mount namespace with an empty /run, on a unix socket, driven by a ttRPC client; and
// makes what it is given: a busybox root file system and specs as hosts send them.
//
// Everything it starts and mounts ends with the test.
package harness
