// SPDX-License-Identifier: Apache-2.0

package devicemapper

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// ErrUnavailable says that the guest's kernel offers no device-mapper.
var ErrUnavailable = errors.New("the guest's kernel offers no device-mapper")

// Mapper is the way to the device-mapper; the zero value is the real one.
type Mapper struct {
	// Dev is where device nodes are, "/dev" if empty: the control node mapper/control,
	// and dm-<minor> of each mapping, which devtmpfs makes.
	Dev string
}

// Mapping is a device that stands for another one.
type Mapping struct {
	// Node is its device node.
	Node string

	name   string
	mapper Mapper
}

// Close removes the mapping; see Remove.
func (m *Mapping) Close() error { return m.mapper.Remove(m.name) }

// Remove removes the mapping of this name; one that is in use goes with its last user. One
// that is not there is no error.
func (m Mapper) Remove(name string) error {
	c, err := m.control()
	if err != nil {
		return err
	}
	defer c.f.Close()
	return c.remove(name)
}

func (m Mapper) control() (control, error) {
	f, err := os.OpenFile(m.node(path.Join(unix.DM_DIR, unix.DM_CONTROL_NODE)), os.O_RDWR, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return control{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return control{f}, err
}

func (m Mapper) node(name string) string {
	if m.Dev == "" {
		return path.Join("/dev", name)
	}
	return path.Join(m.Dev, name)
}

// find gives the node of the mapping with this device number: devtmpfs has made it by the
// time the table is in force. /dev/mapper holds only links, which udev makes where there
// is one.
func (m Mapper) find(dev uint64) (string, error) {
	node := m.node(fmt.Sprintf("dm-%d", unix.Minor(dev)))
	have, err := numbers(node)
	if want := printed(dev); err == nil && have != want {
		err = fmt.Errorf("%s is device %s, not %s", node, have, want)
	}
	return node, err
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
	return printed(uint64(st.Rdev)), nil // 32 bits wide on some machines
}

func printed(dev uint64) string { return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) }
