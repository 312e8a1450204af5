// SPDX-License-Identifier: Apache-2.0

// Package equal compares two ways to make a container: whatever the program in it, its hooks, the agent
// and the guest can see of it has to be the same. The tests make each kind of container in both ways, one
// after the other in the same place, and have a program in it (testdata/probe.c) tell what it sees.
//
// It runs where the agent's containers run: on a developer's machine, and in a virtual machine with
// cgroup v2 (test/vm).
package equal
