// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrUnavailable says that the guest's kernel offers no device-mapper.
var ErrUnavailable = errors.New("dm-verity needs the device-mapper, which the guest's kernel does not offer")

// Mapper makes mappings; the zero value does on the real system.
type Mapper struct {
	// Dev is where device nodes are, "/dev" if empty: the control node mapper/control,
	// and dm-<minor> of each mapping, which devtmpfs makes.
	Dev string
}

// Mapping is a device whose content is checked.
type Mapping struct {
	// Node is its device node.
	Node string

	name string
	dev  string
}

// Open maps the block device at node as t says, read-only. The root hash is not tried
// here: a wrong one fails the first read with EIO. Close takes the mapping away.
func (m Mapper) Open(node string, t Table) (*Mapping, error) {
	mapping, err := m.open(node, t)
	if err != nil {
		return nil, fmt.Errorf("map %s through dm-verity: %w", node, err)
	}
	return mapping, nil
}

func (m Mapper) open(node string, t Table) (*Mapping, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	device, err := numbers(node)
	if err != nil {
		return nil, err
	}
	c, err := openControl(m.dev())
	if err != nil {
		return nil, err
	}
	defer c.f.Close()
	name, err := c.create(fmt.Sprintf("kata-verity-%.32s-off%d-%.32s", filepath.Base(node), t.HashOffset, t.RootHash))
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	mapping := &Mapping{name: name, dev: m.dev()}
	row := target{sectors: t.sectors(), kind: "verity", parameters: t.parameters(device)}
	if _, err = c.call(unix.DM_TABLE_LOAD, name, unix.DM_READONLY_FLAG, &row); err != nil {
		return nil, errors.Join(fmt.Errorf("load table %q: %w", row.parameters, err), c.remove(name))
	}
	// "Suspend" without the flag of that name is resume: it puts the table in force.
	header, err := c.call(unix.DM_DEV_SUSPEND, name, 0, nil)
	if err == nil {
		mapping.Node, err = mapping.find(header.Dev)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("resume: %w", err), c.remove(name))
	}
	return mapping, nil
}

// Close takes the mapping away; one that is in use goes with its last user. Doing it
// twice is harmless.
func (m *Mapping) Close() error {
	c, err := openControl(m.dev)
	if err != nil {
		return err
	}
	defer c.f.Close()
	return c.remove(m.name)
}

// nameTries bounds the search for a free name, which the first try finds.
const nameTries = 8

// create makes a mapping without a table under a new name that begins with prefix.
func (c control) create(prefix string) (name string, err error) {
	for range nameTries {
		name = prefix + "-" + rand.Text()[:8]
		if _, err = c.call(unix.DM_DEV_CREATE, name, unix.DM_READONLY_FLAG, nil); err != unix.EBUSY {
			break
		}
	}
	return name, err
}

func (c control) remove(name string) error {
	_, err := c.call(unix.DM_DEV_REMOVE, name, unix.DM_DEFERRED_REMOVE, nil)
	if err != nil && err != unix.ENXIO { // ENXIO: no such mapping
		return fmt.Errorf("remove dm-verity mapping %s: %w", name, err)
	}
	return nil
}

func (m Mapper) dev() string {
	if m.Dev == "" {
		return "/dev"
	}
	return m.Dev
}

func openControl(dev string) (control, error) {
	f, err := os.OpenFile(path.Join(dev, unix.DM_DIR, unix.DM_CONTROL_NODE), os.O_RDWR, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return control{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return control{f}, err
}

// numbers gives the "major:minor" of a block device: in a table it cannot be taken for
// anything else, whatever the node is called.
func numbers(node string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: node, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return "", &os.PathError{Op: "stat", Path: node, Err: unix.ENOTBLK}
	}
	rdev := uint64(st.Rdev) //nolint:unconvert // 32 bits wide on some machines
	return fmt.Sprintf("%d:%d", unix.Major(rdev), unix.Minor(rdev)), nil
}

// find gives the node of the mapping: devtmpfs has made it by the time the table is in
// force. /dev/mapper holds only links, which udev makes where there is one.
func (m *Mapping) find(dev uint64) (string, error) {
	node := path.Join(m.dev, fmt.Sprintf("dm-%d", unix.Minor(dev)))
	have, err := numbers(node)
	if err == nil && have != fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) {
		err = fmt.Errorf("%s is device %s, not the mapping", node, have)
	}
	return node, err
}
