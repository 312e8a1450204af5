// SPDX-License-Identifier: Apache-2.0

// Package filesystem tells how full a mounted file system is, and lets it grow into
// the device below it.
//
// It promises not to open what it is asked about for reading, so that a pipe or a device
// cannot hold it up, and that a call ends with its context: a file system that does not
// answer, such as a share of a dead host, costs a goroutine until it does.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package filesystem
