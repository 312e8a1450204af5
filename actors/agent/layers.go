// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"path"

	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/storage/erofs"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"golang.org/x/sync/errgroup"
)

// mountLayers waits for the disks of all layers side by side and mounts the image.
func (m *mounter) mountLayers(ctx context.Context, holder string, v storage.Volume) (volume.Attached, error) {
	group, err := erofs.Parse(v.Layers)
	if err != nil {
		return volume.Attached{}, err
	}
	nodes, err := m.devices.layers(ctx, group.Devices())
	if err != nil {
		return volume.Attached{}, fmt.Errorf("%w on %q: %w", erofs.ErrGroup, v.MountPoint, err)
	}
	return m.layers.Mount(ctx, holder, group, nodes)
}

// disk is how a host names a disk.
type disk struct{ driver, source string }

// layers returns the node of each layer. A disk that holds several is waited for once.
func (r resolver) layers(ctx context.Context, all []erofs.Layer) ([]string, error) {
	disks := map[disk]*string{}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, l := range all {
		d := disk{l.Driver, l.Storage.Source}
		if disks[d] != nil {
			continue
		}
		node := new(string)
		disks[d] = node
		group.Go(func() (err error) {
			*node, err = r.block(groupCtx, d.driver, d.source)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	nodes := make([]string, len(all))
	group, groupCtx = errgroup.WithContext(ctx)
	for i, l := range all {
		nodes[i] = *disks[disk{l.Driver, l.Storage.Source}]
		if l.Partition == 0 {
			continue
		}
		group.Go(func() error {
			e, err := r.await(groupCtx, hotplug.Partition{Disk: path.Base(nodes[i]), Number: l.Partition})
			nodes[i] = e.Node()
			return err
		})
	}
	return nodes, group.Wait()
}
