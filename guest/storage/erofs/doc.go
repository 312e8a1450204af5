// SPDX-License-Identifier: Apache-2.0

// Package erofs puts a container's root file system together from the layers of its
// image, each an EROFS image on a disk or in a partition of its own, with a writable
// layer on top.
//
// It owns the options with which hosts describe such a group of storages ("X-kata.…"),
// which of its storages is what, the checking of layers by dm-verity, and the overlay.
// Plan finds the group in a request, Parse says what devices it needs, and Mount makes of
// these devices one mount. Finding devices is its callers' affair.
//
// It promises that a failed Mount leaves nothing behind, and that what is left of a
// successful one is the overlay alone: the layers are mounted in a directory of their own
// and detached as soon as the overlay holds them, so that an image of a hundred layers
// adds one row to the mount table that every new container gets a copy of. A layer that
// is to be checked is checked or refused. No symbolic link in a layer leads anywhere.
//
// Calls block for as long as the kernel does; a context is looked at between steps.
// Mounter is safe for use from several goroutines, but two calls must not concern one
// target at the same time.
//
// It logs nothing and must import nothing of the agent but other guest packages.
package erofs
