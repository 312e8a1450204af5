// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/fsgroup"
	"github.com/kata-containers/kata-agent/guest/storage/watchable"
)

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
	// Hub pulls images and mounts the store for them; nil if the guest has none.
	Hub Hub
	// NoIntegrity leaves out the check of what is read from that store.
	NoIntegrity bool
	// PauseBundle is the OCI bundle of the pause image in the guest, "/pause_bundle" if empty.
	PauseBundle string
	// Watches keeps watchable-bind storages up to date; without it they are refused.
	Watches *watchable.Set

	hugePages     sync.Mutex                        // held while nr_hugepages is read and written
	writePool     func(file string, b []byte) error // os.WriteFile if nil; for tests
	removeMapping func(name string) error           // devicemapper's if nil; for tests
}

// Attach puts a storage of kind Direct in place. cid is the container it is for, empty for the
// sandbox. ErrDriver is a driver that is not in the list or of another kind, ErrRoot a mount
// point where the driver may not mount, ErrNoHub what only the hub can do in a guest without it.
func (d *Drivers) Attach(ctx context.Context, cid string, s Storage) (Attached, error) {
	driver, err := d.Driver(s)
	if err != nil {
		return Attached{}, err
	}
	if driver.Kind != Direct {
		return Attached{}, fmt.Errorf("%w: %q needs a device", ErrDriver, s.Driver)
	}
	a, err := driver.attach(d, ctx, cid, s)
	if err != nil {
		return a, fmt.Errorf("attach %s storage %q: %w", s.Driver, s.MountPoint, err)
	}
	return a, nil
}

// attachMount is the step most drivers end with: mount, then give the files to the
// volume's group.
func (d *Drivers) attachMount(ctx context.Context, _ string, s Storage) (Attached, error) {
	made, err := d.Mounts.Mount(mount.Spec{Source: s.Source, Target: s.MountPoint, FSType: s.FSType, Options: s.Options})
	undo := func() error { return d.Mounts.Undo(made) }
	if err == nil {
		err = d.giveToGroup(ctx, s)
	}
	if err != nil {
		return unless(err, undo)
	}
	return Attached{MountPoint: made.Target, release: undo}, nil
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
