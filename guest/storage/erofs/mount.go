// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/devicemapper"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	works "github.com/kata-containers/kata-agent/guest/sys/group"
)

// sandboxID stands for the container in the path of what is mounted for the sandbox.
const sandboxID = "sandbox"

// maxConcurrent bounds the layers that are opened and mounted side by side: each holds a
// thread in the kernel.
const maxConcurrent = 16

// Mounter mounts groups.
type Mounter struct {
	// Volumes has the roots of the system, and mounts the upper layer's disk.
	Volumes *volume.Drivers
	// Devices makes the mappings that check layers.
	Devices devicemapper.Mapper

	openVerity func(node string, v devicemapper.Verity) (mapping, error) // nil: Devices; for tests
}

// mapping is an open [devicemapper.Mapping].
type mapping struct {
	node  string
	close func() error
}

// Mount puts a group in place for a container, "" for the sandbox. nodes are the device
// nodes of g.Devices(), in that order. Release unmounts the overlay and removes the
// mappings; what the upper layer in memory held is gone then.
func (m *Mounter) Mount(ctx context.Context, cid string, g Group, nodes []string) (volume.Attached, error) {
	a, err := m.mount(ctx, cid, g, nodes)
	if err != nil {
		return a, fmt.Errorf("%w on %q: %w", ErrGroup, g.Target, err)
	}
	return a, nil
}

func (m *Mounter) mount(ctx context.Context, cid string, g Group, nodes []string) (volume.Attached, error) {
	if len(nodes) != len(g.Devices()) {
		return volume.Attached{}, fmt.Errorf("%d devices for %d layers", len(nodes), len(g.Devices()))
	}
	if cid == "" {
		cid = sandboxID
	}
	w, err := m.newWorkplace(cid, len(g.Lowers))
	if err != nil {
		return w.abandon(err)
	}
	made, err := m.build(ctx, w, g, nodes)
	// The devices last: those in use cannot be given back.
	w.onRelease(w.dismantle)
	w.onRelease(func() error { return m.Volumes.Mounts.Undo(made) })
	if err == nil {
		// From here on the overlay alone holds the layers.
		err = w.dismantle()
	}
	if err != nil {
		return w.abandon(err)
	}
	return volume.NewAttached(made.Target, w.release), nil
}

// build mounts the layers in the workplace and the overlay on the target.
func (m *Mounter) build(ctx context.Context, w *workplace, g Group, nodes []string) (mount.Made, error) {
	all, groupCtx := works.WithContext(ctx)
	all.SetLimit(maxConcurrent)
	if g.Upper == nil {
		all.Go(w.upperInMemory)
	} else {
		node := nodes[0]
		nodes = nodes[1:]
		all.Go(func() error { return w.upperOnDisk(groupCtx, g.Upper.Storage, node) })
	}
	for i, l := range g.Lowers {
		all.Go(func() error {
			if err := groupCtx.Err(); err != nil {
				return err
			}
			return w.lower(i, nodes[i], l.Verity)
		})
	}
	if err := all.Wait(); err != nil {
		return mount.Made{}, err
	}
	if err := ctx.Err(); err != nil {
		return mount.Made{}, err
	}
	return m.overlay(w, g)
}

// overlay mounts the overlay. Its layers are named by open descriptors: paths that nobody
// can exchange meanwhile, that need no escapes, and so short that some 240 layers fit the
// one page of options that kernels before 6.8 take.
func (m *Mounter) overlay(w *workplace, g Group) (mount.Made, error) {
	roots, err := w.roots()
	if err != nil {
		return mount.Made{}, err
	}
	defer roots.close()
	for _, d := range g.dirs {
		if err := d.make(roots.files[d.layer]); err != nil {
			return mount.Made{}, err
		}
	}
	upper, err := roots.ownDirectory("upper")
	if err != nil {
		return mount.Made{}, err
	}
	work, err := roots.ownDirectory("work")
	if err != nil {
		return mount.Made{}, err
	}
	return m.Volumes.Mounts.Mount(mount.Spec{
		Source: "overlay", Target: g.Target, FSType: "overlay",
		Options: []string{"upperdir=" + upper, "workdir=" + work, "lowerdir=" + roots.lowers()},
	})
}
