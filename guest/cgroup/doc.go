// SPDX-License-Identifier: Apache-2.0

// Package cgroup holds what the agent needs of control groups beside what
// github.com/opencontainers/cgroups does itself: the statistics of a container in the
// shape that hosts expect, a watch for kills by the out-of-memory killer, the CPU sets
// of a container and its ancestors, and the choice between the cgroupfs and the
// systemd driver.
//
// Everything works on both cgroup versions; where a function must know which one it
// has, it looks at the files of the group it was given and not at global state, so a
// test can give it a plain directory.
//
// The package keeps no state but that of an [OOMWatcher], which ends with its Close. It
// must not import actors, rpc or protocols.
package cgroup
