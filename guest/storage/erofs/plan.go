// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"slices"

	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

const (
	// Driver marks a storage as part of a group, and is that of a group as a whole.
	Driver = "erofs.multi-layer"
	// memberOption does the same for storages with the driver of their disk.
	memberOption = "X-kata.multi-layer=true"
)

// isMember tells whether a storage is a layer.
func isMember(s volume.Storage) bool {
	return s.Driver == Driver || slices.Contains(s.Options, memberOption)
}

// Plan gives the storages of a request as they are to be attached: all its layers, which
// are one group, take the place of the first of them, as one storage with Layers and the
// group's mount point. The other storages stay as they are and in their order.
func Plan(storages []volume.Storage) ([]volume.Storage, error) {
	if !slices.ContainsFunc(storages, isMember) {
		return storages, nil
	}
	group := volume.Storage{Driver: Driver, Source: "overlay", FSType: "overlay"}
	at := -1
	var planned []volume.Storage
	for _, s := range storages {
		if !isMember(s) {
			planned = append(planned, s)
			continue
		}
		if at < 0 {
			at = len(planned)
			planned = append(planned, group)
		}
		group.Layers = append(group.Layers, s)
		group.Shared = group.Shared || s.Shared
	}
	g, err := Parse(group.Layers)
	if err != nil {
		return nil, err
	}
	group.MountPoint = g.Target
	planned[at] = group
	return planned, nil
}
