// SPDX-License-Identifier: Apache-2.0

// Package early leaves out what a container's child does not need of the start of the agent.
//
// Go initialises all packages of a program before main, in the order of their paths as far as imports
// allow. So the variables of a hundred packages that libcontainer does not use (YAML, TOML, protobuf, logs)
// were made in each container's child before it entered libcontainer, at the container's cost. Nothing in
// Go's language changes that order. This package imports next to nothing, so its init is among the first; in
// such a child, which never returns from libcontainer, it marks the tasks of the worst in Go's list as done.
//
// The list of them is leftout.s, where assembly takes the addresses. A package that is no longer in the agent
// makes the linker fail, and its line is to be taken out, with the count in tasks.go.
// TestChildNeedsNothingLeftOut holds that the child's own packages import none of them, and
// TestReexecInitialisesLittle that a child gets along without. Only main may import this package: other
// programs do not have all of those packages.
package early
