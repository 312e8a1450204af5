// SPDX-License-Identifier: Apache-2.0

// Package command runs the few programs of the guest image the agent needs, such as
// modprobe and mkfs.ext4.
//
// It promises that a call ends soon after its context: the program and what it
// started are killed as one process group, and a descendant that keeps the output open
// is not waited for. What is kept of the output is bounded. The program gets the
// agent's environment, but not its protection from the OOM killer, and no input but what
// RunInput gives it. It is waited for here and by nobody else.
//
// It keeps no state, logs nothing and imports nothing of the agent but guest/sys/oom.
package command
