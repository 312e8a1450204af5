// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// Volume is a storage as the host describes it.
type Volume = volume.Storage

// Attach mounts a volume for a holder, or adds the holder to those who share the mount.
// A holder may attach a mount point several times and lets it go as often. One that gives up
// lets it go too: the hold may have been taken already, and if not, Release says ErrNotHeld.
type Attach struct {
	core.Call[struct{}]
	Holder string // a container id; "" is the sandbox
	Volume Volume
}

// Release lets a mount point go. The last holder's release unmounts it, unless it is
// shared or its content is to outlive its containers. Releasing what is not held is an error.
type Release struct {
	core.Call[struct{}]
	Holder     string
	MountPoint string
	// Undo is for an attach whose container has not come to be: nothing is kept then.
	Undo bool
}

// ReleaseAll unmounts everything, whoever holds it, the latest first. Errors are joined;
// each mount is tried.
type ReleaseAll struct{ core.Call[struct{}] }

// Inherit enters a mount that an agent has made that has died since, and those who hold it. The last
// release unmounts it; what else stood behind it, such as an encrypted device, stays.
type Inherit struct {
	core.Call[struct{}]
	Mount Mount
}

// Mount is what the journal has of a mount point.
type Mount struct {
	MountPoint string
	Holders    []string // "" is the sandbox
	Shared     bool     // for the life of the sandbox
	Keep       bool     // its content outlives its containers
	Order      int      // of the first attaches
}

// Mounter mounts a volume; what it returns undoes it. It blocks, for a disk that is
// plugged in as long as ctx lets it, and must leave nothing behind when it fails.
type Mounter func(ctx context.Context, holder string, v Volume) (volume.Attached, error)
