// SPDX-License-Identifier: Apache-2.0

// Package staleshare looks at every mount of the host's share, so that the host's file
// server drops the handles of files that are gone.
//
// It promises to return with its context, or sooner: a mount that does not answer costs
// one goroutine, and is not asked again until it has answered. No more than a few mounts
// are asked at the same time, those that hang included.
//
// The only state is the list of mounts that have not answered, in a Visitor. It logs
// nothing and must import nothing of the agent but guest/mount.
package staleshare
