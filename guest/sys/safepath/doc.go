// SPDX-License-Identifier: Apache-2.0

// Package safepath opens, makes and removes names below a directory in trees that
// somebody else may write to: a volume, a container's files, a folder shared by the host.
//
// It promises that no call leaves the directory it was opened on, whatever symbolic
// links the tree holds or gains while the call runs: every look-up is one openat2(2)
// (Linux 5.6) relative to an open directory, and what is changed is changed through
// the descriptor that was found. RemoveAll crosses no mount point.
//
// It keeps no state, logs nothing and must import nothing of the agent.
package safepath
