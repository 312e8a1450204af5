// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/storage/erofs"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/guest/storage/watchable"
)

// mounter puts volumes in place by their driver.
type mounter struct {
	drivers *volume.Drivers
	layers  *erofs.Mounter
	devices resolver
}

func newMounter(devices resolver) *mounter {
	drivers := &volume.Drivers{Watches: &watchable.Set{}}
	return &mounter{drivers: drivers, layers: &erofs.Mounter{Volumes: drivers}, devices: devices}
}

// mount attaches a volume for a container, or for the sandbox when holder is "". A volume
// on a disk waits for the disk first.
func (m *mounter) mount(ctx context.Context, holder string, v storage.Volume) (volume.Attached, error) {
	if v.Layers != nil {
		return m.mountLayers(ctx, holder, v)
	}
	if !volume.NeedsDevice(v.Driver) {
		return m.drivers.Attach(ctx, holder, v)
	}
	node, err := m.devices.block(ctx, v.Driver, v.Source)
	if err != nil {
		return volume.Attached{}, fmt.Errorf("attach %s storage %q: %w", v.Driver, v.MountPoint, err)
	}
	return m.drivers.MountDevice(ctx, node, v)
}
