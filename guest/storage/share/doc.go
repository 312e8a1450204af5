// SPDX-License-Identifier: Apache-2.0

// Package share receives files, directories and links a host without a shared file
// system sends in pieces.
//
// It promises that nothing outside its tree is changed, whatever links the tree holds:
// links on the way are followed as if the tree were the root directory. A file appears
// under its name only when every byte of it has arrived, in whatever order, and with
// its final mode and owner; what was there before is replaced in one step. Uploads of
// different files do not wait for one another, and one that is never finished is
// cleared away after a time.
// It also visits shares that may have gone stale, each under a time limit.
//
// The only state is the list of unfinished uploads, in a Tree. It logs nothing and must
// import nothing of the agent but guest/sys/safepath and guest/mount.
package share
