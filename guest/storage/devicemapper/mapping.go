// SPDX-License-Identifier: Apache-2.0

package devicemapper

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OpenVerity maps the block device at node as v says, read-only. The root hash is not
// tried here: with a wrong one the first read gives EIO.
func (m Mapper) OpenVerity(node string, v Verity) (*Mapping, error) {
	mapping, err := m.openVerity(node, v)
	if err != nil {
		return nil, fmt.Errorf("map %s through dm-verity: %w", node, err)
	}
	return mapping, nil
}

func (m Mapper) openVerity(node string, v Verity) (*Mapping, error) {
	if err := v.Validate(); err != nil {
		return nil, err
	}
	device, err := numbers(node)
	if err != nil {
		return nil, err
	}
	c, err := m.control()
	if err != nil {
		return nil, err
	}
	defer c.f.Close()
	name, err := c.create(fmt.Sprintf("kata-verity-%.32s-off%d-%.32s", filepath.Base(node), v.HashOffset, v.RootHash))
	if err != nil {
		return nil, fmt.Errorf("create mapping: %w", err)
	}
	dev, err := c.activate(name, target{sectors: v.sectors(), kind: "verity", parameters: v.parameters(device)})
	if err != nil {
		return nil, errors.Join(err, c.remove(name))
	}
	at, err := m.find(dev)
	if err != nil {
		return nil, errors.Join(err, c.remove(name))
	}
	return &Mapping{Node: at, name: name, mapper: m}, nil
}

// nameTries bounds the search for a free name, which the first try finds.
const nameTries = 8

// create makes a mapping without a table under a new name that begins with prefix.
func (c control) create(prefix string) (name string, err error) {
	for range nameTries {
		name = prefix + "-" + rand.Text()[:8]
		if _, err = c.call(unix.DM_DEV_CREATE, name, unix.DM_READONLY_FLAG, nil); !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return name, err
}

// activate gives a mapping its table, read-only, and returns its device number.
func (c control) activate(name string, row target) (uint64, error) {
	if _, err := c.call(unix.DM_TABLE_LOAD, name, unix.DM_READONLY_FLAG, &row); err != nil {
		return 0, fmt.Errorf("load table %q: %w", row.kind+" "+row.parameters, err)
	}
	// "Suspend" without the flag of that name is resume: it puts the table in force.
	header, err := c.call(unix.DM_DEV_SUSPEND, name, 0, nil)
	if err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	return header.Dev, nil
}

func (c control) remove(name string) error {
	_, err := c.call(unix.DM_DEV_REMOVE, name, unix.DM_DEFERRED_REMOVE, nil)
	if err != nil && !errors.Is(err, unix.ENXIO) { // ENXIO: no such mapping
		return fmt.Errorf("remove mapping %s: %w", name, err)
	}
	return nil
}
