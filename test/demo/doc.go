// SPDX-License-Identifier: Apache-2.0

// Command demo shows the agent at work, in less than a minute and with nothing from a network: it
// starts the agent by itself on a unix socket, in a mount namespace with an empty /run, and drives
// a sandbox with three containers of the distribution's busybox through sessions, a terminal, a
// stream, signals and the end.
//
// It prints an account with timings, checks every answer, removes all it has made, and exits with
// 1 if anything was not as it should be. "make demo" builds what it needs and runs it, as root.
package main
