// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/storage/devicemapper"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// ErrGroup says that the storages of a request make no layered image.
var ErrGroup = errors.New("multi-layer erofs")

// Group is a layered image.
type Group struct {
	// Target is where the overlay goes: the mount point of the upper layer, or of the lower
	// one that the request names first.
	Target string
	// Upper is the disk of the writable layer; nil: it is in memory.
	Upper *Layer
	// Lowers are the read-only layers, the topmost first; at least one.
	Lowers []Layer

	dirs []directory
}

// Layer is one layer and what its device is.
type Layer struct {
	Storage volume.Storage
	// Driver is how the host names the disk: that of a block storage.
	Driver string
	// Partition is the partition the layer is in, 0 if it is the whole disk.
	Partition int
	// Verity says how the layer is checked; nil: not at all.
	Verity *devicemapper.Verity
}

// Devices are the layers that need a device: the upper one if there is one, then the
// lower ones. Mount takes the nodes in this order.
func (g Group) Devices() []Layer {
	if g.Upper == nil {
		return g.Lowers
	}
	return append([]Layer{*g.Upper}, g.Lowers...)
}

// Parse reads a group. The storages' order is that of the layers, the topmost first,
// unless one of them is in a partition: then the partitions' numbers are the order, and
// layers without one come last.
func Parse(members []volume.Storage) (Group, error) {
	var g Group
	for _, s := range members {
		if err := g.add(s); err != nil {
			return Group{}, fmt.Errorf("%w: layer %s %q: %w", ErrGroup, s.Driver, s.Source, err)
		}
	}
	if len(g.Lowers) == 0 {
		return Group{}, fmt.Errorf("%w: no lower layer among %d storages", ErrGroup, len(members))
	}
	first := g.Lowers[0]
	if g.Upper != nil {
		first = *g.Upper
	}
	g.Target = first.Storage.MountPoint
	if !path.IsAbs(g.Target) || strings.Contains(g.Target+"/", "/../") {
		return Group{}, fmt.Errorf("%w: mount point %q is not absolute, or has \"..\"", ErrGroup, g.Target)
	}
	if slices.ContainsFunc(g.Lowers, func(l Layer) bool { return l.Partition > 0 }) {
		slices.SortStableFunc(g.Lowers, func(a, b Layer) int { return cmp.Compare(a.order(), b.order()) })
	}
	for _, d := range g.dirs {
		if d.layer > len(g.Lowers) {
			return Group{}, fmt.Errorf("%w: option %s%s: there is no layer %d", ErrGroup, mkdirOption, d.text, d.layer)
		}
	}
	return g, nil
}

func (l Layer) order() int {
	if l.Partition == 0 {
		return math.MaxInt
	}
	return l.Partition
}

// add sorts a storage in.
func (g *Group) add(s volume.Storage) error {
	o, err := parseOptions(s.Options)
	if err != nil {
		return err
	}
	layer := Layer{Storage: s, Driver: s.Driver, Partition: o.partition, Verity: o.verity}
	if s.Driver == Driver {
		layer.Driver = driverOf(s.Source)
	}
	if d, _ := volume.Find(layer.Driver); d.Kind != volume.Disk {
		return fmt.Errorf("unsupported driver type '%s' for multi-layer erofs", s.Driver)
	}
	g.dirs = append(g.dirs, o.dirs...)
	switch {
	case o.upper && s.FSType != "ext4":
		return fmt.Errorf("an upper layer of type %q, ext4 is all that is possible", s.FSType)
	case o.upper || !o.lower && s.FSType == "ext4":
		return g.setUpper(layer)
	case s.FSType != "erofs":
		return fmt.Errorf("a lower layer of type %q, erofs is all that is possible", s.FSType)
	}
	g.Lowers = append(g.Lowers, layer)
	return nil
}

func (g *Group) setUpper(layer Layer) error {
	if g.Upper != nil {
		return errors.New("a second upper layer")
	}
	if layer.Verity != nil {
		return errors.New("a writable layer cannot be checked by dm-verity")
	}
	g.Upper = &layer
	return nil
}

// driverOf is the driver of a disk that is only said to be a layer, by the form of its
// address: "scsi-id:lun", else a PCI path or a node.
func driverOf(source string) string {
	if strings.Contains(source, ":") && !strings.HasPrefix(source, "/") {
		return "scsi"
	}
	return "blk"
}
