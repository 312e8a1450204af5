// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrDriver is a driver that is not in the list, or that cannot be used in this way.
	ErrDriver = errors.New("no handler for this storage driver")
	// ErrRoot is a mount point outside the directories in which a driver may mount.
	ErrRoot = errors.New("may mount only below /run/kata-containers or /run/user/<uid>/run/kata-containers")
)

// Kind says what a storage needs before it can be mounted.
type Kind uint8

// Kinds of drivers.
const (
	// Direct storages need nothing: Attach puts them in place.
	Direct Kind = iota
	// Disk storages name a disk. The caller finds its node and calls MountDevice.
	Disk
	// Layered storages are the parts of one image, on several disks: see guest/storage/erofs.
	Layered
)

// Roots says in which directories a driver may make mounts and directories.
type Roots uint8

// Roots of drivers.
const (
	// PodRoots are the directories of the pod, mount.Mounter.Confined: /run/kata-containers,
	// and the same below /run/user/<uid> for a host that runs without root. All hosts mount
	// there, and the guest's own files are elsewhere.
	PodRoots Roots = iota
	// NoRoots is for a driver that mounts nothing: its mount point is only a name.
	NoRoots
)

// Driver is one storage driver.
type Driver struct {
	// Name is what hosts call it.
	Name string
	Kind Kind
	// Roots limits the mount points it takes.
	Roots Roots
	// Announced tells that GetGuestDetails names it.
	Announced bool

	attach handler // of Direct drivers
}

// handler attaches one storage; cid is empty for storages of the sandbox.
type handler func(d *Drivers, ctx context.Context, cid string, s Storage) (Attached, error)

// registered is all there is to know about drivers, by name. It is a slice, which is laid out
// when the program is built: a map would be made at each start, also of a container's child.
var registered = []Driver{
	{Name: "9p", Announced: true, attach: (*Drivers).attachMount},
	{Name: "bind", Announced: true, attach: (*Drivers).attachMount},
	{Name: "blk", Announced: true, Kind: Disk},
	{Name: "blk-ccw", Announced: true, Kind: Disk},
	{Name: "ephemeral", Announced: true, attach: (*Drivers).attachEphemeral},
	{Name: "erofs.multi-layer", Announced: true, Kind: Layered},
	{Name: GuestPull, Announced: true, Roots: NoRoots, attach: (*Drivers).attachGuestPull},
	{Name: "local", Announced: true, attach: (*Drivers).attachLocal},
	{Name: "mmioblk", Announced: true, Kind: Disk},
	{Name: "nvdimm", Announced: true, Kind: Disk},
	{Name: "overlayfs", Announced: true, attach: (*Drivers).attachOverlay},
	{Name: "scsi", Announced: true, Kind: Disk},
	{Name: TrustedStore, attach: (*Drivers).attachTrusted},
	{Name: "virtio-fs", Announced: true, attach: (*Drivers).attachMount},
	{Name: "watchable-bind", Announced: true, attach: (*Drivers).attachWatchable},
}

// Registered returns all drivers, sorted by name.
func Registered() []Driver { return slices.Clone(registered) }

// Find returns the driver of that name.
func Find(name string) (Driver, bool) {
	for _, d := range registered {
		if d.Name == name {
			return d, true
		}
	}
	return Driver{}, false
}

// Driver returns the driver of a storage, or ErrDriver or ErrRoot if the storage cannot be
// attached whatever the guest has.
func (d *Drivers) Driver(s Storage) (Driver, error) {
	driver, ok := Find(s.Driver)
	if !ok {
		return Driver{}, fmt.Errorf("%w: %q", ErrDriver, s.Driver)
	}
	if driver.Roots == PodRoots && !d.Mounts.Confines(s.MountPoint) {
		return Driver{}, fmt.Errorf("driver %s %w", s.Driver, ErrRoot)
	}
	return driver, nil
}
