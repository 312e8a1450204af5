// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/device"
	"github.com/kata-containers/kata-agent/guest/storage/erofs"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/guest/storage/watchable"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Drivers puts volumes in place by their driver.
type Drivers struct {
	drivers *volume.Drivers
	layers  *erofs.Mounter
	devices device.Resolver
}

// Options of drivers; see those of the same name in volume.Drivers.
type Options struct {
	Hub         volume.Hub
	NoIntegrity bool
	PauseBundle string
}

// NewDrivers returns drivers whose volumes on disks wait for them with devices.
func NewDrivers(devices device.Resolver, o Options) *Drivers {
	drivers := &volume.Drivers{
		Watches: &watchable.Set{}, Hub: o.Hub, NoIntegrity: o.NoIntegrity, PauseBundle: o.PauseBundle,
	}
	return &Drivers{drivers: drivers, layers: &erofs.Mounter{Volumes: drivers}, devices: devices}
}

// Mount attaches a volume for a container, or for the sandbox when holder is "". A volume
// on a disk waits for the disk first.
func (m *Drivers) Mount(ctx context.Context, holder string, v Volume) (volume.Attached, error) {
	driver, err := m.drivers.Driver(v)
	if err != nil {
		return volume.Attached{}, err
	}
	switch driver.Kind {
	case volume.Layered:
		return m.mountLayers(ctx, holder, v)
	case volume.Direct:
		return m.drivers.Attach(ctx, holder, v)
	}
	node, err := m.devices.Block(ctx, v.Driver, v.Source)
	if err != nil {
		return volume.Attached{}, fmt.Errorf("attach %s storage %q: %w", v.Driver, v.MountPoint, err)
	}
	return m.drivers.MountDevice(ctx, node, v)
}

// PauseProcess is the process of the guest's pause image.
func (m *Drivers) PauseProcess() (*specs.Process, error) { return m.drivers.PauseProcess() }

// Close ends the watches that are left and takes away what they stand on.
func (m *Drivers) Close(ctx context.Context) error { return m.drivers.Watches.Close(ctx) }
