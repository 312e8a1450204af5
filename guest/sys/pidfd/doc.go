// SPDX-License-Identifier: Apache-2.0

// Package pidfd holds on to processes by descriptor.
//
// It opens pidfds, signals through them and collects exit codes of the agent's own
// children. A signal sent through a pidfd reaches that process or nobody, never a later
// process with the same number. Nothing in it blocks: a pidfd becomes readable when its
// process has exited, and only then is there something to collect.
//
// It knows nothing of who owns a process and must not import actors, rpc or protocols.
package pidfd
