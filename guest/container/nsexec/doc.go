// SPDX-License-Identifier: Apache-2.0

// Package nsexec starts processes in containers through a resident helper.
//
// The helper is this binary, started under another name: a C constructor takes over
// before Go boots, so it stays a single thread with some 60 KiB of memory of its own. For
// each request it enters the container's pid namespace and clones a process that is the
// agent's own child; that process joins the other namespaces and the cgroups, becomes
// the asked-for user and executes the program. The helper answers right after the clone
// and waits for nothing: a process held up in a frozen cgroup or a dead mount holds up
// neither it nor the next request.
//
// What a process gets is what runc's libcontainer gives to a process that joins a
// container, and a test compares the two. Not covered, and to be left to libcontainer:
// scheduling policy, I/O priority, CPU affinity, personality, memory policy, Intel RDT, a
// session keyring (a container with NoNewKeyring false), seccomp listeners.
//
// It promises that a program that cannot be executed is an error of Spawn, that a process
// whose start failed has been reaped, and that a helper that died is replaced by the next
// Spawn. It owns the helper; a started process belongs to the caller, who must reap it.
//
// A container must not be able to reach the agent through the helper: docs/security.md
// says how that is kept.
//
// The package needs glibc (static or not), whose constructors get the arguments of main,
// and Linux 5.9 for close_range. It must not import actors, rpc or protocols.
package nsexec
