// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/fsgroup"
	"github.com/kata-containers/kata-agent/guest/storage/watchable"
)

var (
	// ErrDriver is a driver that is not in the table, or that needs a device.
	ErrDriver = errors.New("no handler for this storage driver")
	// ErrGuestPull is a container image that the guest is to fetch by itself.
	ErrGuestPull = errors.New("pulling images inside the guest is not implemented in kata-agent")
)

// guestPull is the driver of ErrGuestPull.
const guestPull = "image_guest_pull"

// DefaultRunDir holds a directory for each container.
const DefaultRunDir = "/run/kata-containers"

// Drivers attaches storages; the zero value does on the real system.
type Drivers struct {
	// Mounts makes the mounts.
	Mounts mount.Mounter
	// SysDir is where sysfs is, "/sys" if empty.
	SysDir string
	// RunDir is DefaultRunDir if empty.
	RunDir string
	// Mkfs makes an ext4 file system, "mkfs.ext4" from PATH if empty.
	Mkfs string
	// Cryptsetup encrypts block devices; if empty, it is looked for in PATH, /usr/sbin and
	// /sbin when it is needed.
	Cryptsetup string
	// MapperDir is where the nodes of its mappings are, "/dev/mapper" if empty.
	MapperDir string
	// Watches keeps watchable-bind storages up to date; without it they are refused.
	Watches *watchable.Set

	hugePages     sync.Mutex                        // held while nr_hugepages is read and written
	writePool     func(file string, b []byte) error // os.WriteFile if nil; for tests
	removeMapping func(name string) error           // devicemapper's if nil; for tests
}

// handler attaches one storage; cid is empty for storages of the sandbox.
type handler func(d *Drivers, ctx context.Context, cid string, s Storage) (Attached, error)

// table is the drivers whose storages need no device. It is a function because a map
// would be built at start-up, by every re-execution of the binary too.
func table(driver string) handler {
	switch driver {
	case "virtio-fs", "9p", "bind":
		return (*Drivers).attachMount
	case "ephemeral":
		return (*Drivers).attachEphemeral
	case "local":
		return (*Drivers).attachLocal
	case "overlayfs":
		return (*Drivers).attachOverlay
	case "watchable-bind":
		return (*Drivers).attachWatchable
	}
	return nil
}

// Names are the drivers Attach knows, sorted.
func Names() []string {
	return []string{"9p", "bind", "ephemeral", "local", "overlayfs", "virtio-fs", "watchable-bind"}
}

// DeviceNames are the drivers whose source the caller resolves to a device node for
// MountDevice, sorted.
func DeviceNames() []string {
	return []string{"blk", "blk-ccw", "erofs.multi-layer", "mmioblk", "nvdimm", "scsi"}
}

// NeedsDevice reports whether a storage of the driver goes to MountDevice.
func NeedsDevice(driver string) bool { return slices.Contains(DeviceNames(), driver) }

// Attach puts a storage in place that needs no device. cid is the container it is for,
// empty for the sandbox. ErrDriver is a driver it does not know, ErrGuestPull one that it
// knows of only.
func (d *Drivers) Attach(ctx context.Context, cid string, s Storage) (Attached, error) {
	h := table(s.Driver)
	if s.Driver == guestPull {
		return Attached{}, fmt.Errorf("attach %s storage %q of image %q: %w", s.Driver, s.MountPoint, s.Source, ErrGuestPull)
	}
	if h == nil {
		return Attached{}, fmt.Errorf("%w: %q", ErrDriver, s.Driver)
	}
	a, err := h(d, ctx, cid, s)
	if err != nil {
		return Attached{}, fmt.Errorf("attach %s storage %q: %w", s.Driver, s.MountPoint, err)
	}
	return a, nil
}

// attachMount is the step most drivers end with: mount, then give the files to the
// volume's group.
func (d *Drivers) attachMount(ctx context.Context, _ string, s Storage) (Attached, error) {
	made, err := d.Mounts.Mount(mount.Spec{Source: s.Source, Target: s.MountPoint, FSType: s.FSType, Options: s.Options})
	if err != nil {
		return Attached{}, err
	}
	if err := d.giveToGroup(ctx, s); err != nil {
		return Attached{}, errors.Join(err, d.Mounts.Undo(made))
	}
	return Attached{MountPoint: made.Target, release: func() error { return d.Mounts.Undo(made) }}, nil
}

func (d *Drivers) giveToGroup(ctx context.Context, s Storage) error {
	if s.FSGroup == nil {
		return nil
	}
	root, err := d.Mounts.Open(s.MountPoint)
	if err != nil {
		return err
	}
	defer root.Close()
	return fsgroup.Apply(ctx, root, *s.FSGroup)
}

// ContainerDir is the directory of a container; it need not be there.
func (d *Drivers) ContainerDir(cid string) (string, error) {
	if cid == "" || cid == "." || cid == ".." || strings.ContainsAny(cid, "/\x00") {
		return "", fmt.Errorf("container id %q is no name for a directory", cid)
	}
	run := d.RunDir
	if run == "" {
		run = DefaultRunDir
	}
	return path.Join(run, cid), nil
}
