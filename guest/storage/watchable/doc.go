// SPDX-License-Identifier: Apache-2.0

// Package watchable keeps copies of small trees of the host's share up to date: ConfigMaps,
// Secrets and the like. A container that waits for changes by inotify sees none on a
// virtio-fs share, so it is given a copy on a tmpfs, which is changed when the source
// changes.
//
// It promises that a change is seen in a few seconds, that a file is never seen half
// written, and that the "..data" link of Kubernetes' volumes moves in one step from one
// complete directory to the next. What could not be copied is tried again. A tree with
// more than 16 entries or 1 MiB is bound instead of copied, until it fits again, and that is told.
//
// Each Watch is a goroutine that owns its target and shares no lock with others: a
// share that hangs holds up only its own watches, and Close waits for a limited time.
//
// Sources and targets may be changed by others at any time; nothing outside them is
// touched. It logs nothing and must import nothing of the agent but guest/mount and
// guest/sys/safepath.
package watchable
