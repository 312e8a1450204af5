// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/guest/storage/erofs"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/guest/sys/group"
)

// mountLayers waits for the disks of all layers side by side and mounts the image.
func (m *Drivers) mountLayers(ctx context.Context, holder string, v Volume) (volume.Attached, error) {
	group, err := erofs.Parse(v.Layers)
	if err != nil {
		return volume.Attached{}, err
	}
	nodes, err := m.layerNodes(ctx, group.Devices())
	if err != nil {
		return volume.Attached{}, fmt.Errorf("%w on %q: %w", erofs.ErrGroup, v.MountPoint, err)
	}
	return m.layers.Mount(ctx, holder, group, nodes)
}

// place is how a host names a disk.
type place struct{ driver, source string }

// layerNodes returns the node of each layer. A disk that holds several is waited for once.
func (m *Drivers) layerNodes(ctx context.Context, all []erofs.Layer) ([]string, error) {
	disks := map[place]*string{}
	works, groupCtx := group.WithContext(ctx)
	for _, l := range all {
		d := place{l.Driver, l.Storage.Source}
		if disks[d] != nil {
			continue
		}
		node := new(string)
		disks[d] = node
		works.Go(func() (err error) {
			*node, err = m.devices.Block(groupCtx, d.driver, d.source)
			return err
		})
	}
	if err := works.Wait(); err != nil {
		return nil, err
	}
	nodes := make([]string, len(all))
	works, groupCtx = group.WithContext(ctx)
	for i, l := range all {
		nodes[i] = *disks[place{l.Driver, l.Storage.Source}]
		if l.Partition == 0 {
			continue
		}
		works.Go(func() (err error) {
			nodes[i], err = m.devices.Partition(groupCtx, nodes[i], l.Partition)
			return err
		})
	}
	return nodes, works.Wait()
}
