// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Partition is a partition of a disk that is there already. The kernel reads a disk's
// partition table while sysfs shows the disk, so a partition may come a moment later.
type Partition struct {
	// Disk is the kernel's name of the disk, "vda".
	Disk string
	// Number is the partition's, from 1.
	Number int
	// Dev is where device nodes appear, "/dev" if empty. Sysfs shows a partition before
	// its node is made, and the event comes after both: Probe looks for both.
	Dev string
}

// Name is the kernel's name of the partition: "vda3", and "nvme0n1p3" where the disk's
// name ends with a digit (disk_name in the kernel's block/partitions/core.c).
func (m Partition) Name() string {
	if n := len(m.Disk); n > 0 && m.Disk[n-1] >= '0' && m.Disk[n-1] <= '9' {
		return m.Disk + "p" + strconv.Itoa(m.Number)
	}
	return m.Disk + strconv.Itoa(m.Number)
}

// Match implements [Matcher].
func (m Partition) Match(e Event) bool {
	return m.check() == nil && added(e) && e.Subsystem == block && e.DevName != "" &&
		e.Base() == m.Name() && path.Base(path.Dir(e.DevPath)) == m.Disk
}

// Probe implements [Matcher].
func (m Partition) Probe(sysRoot string) (Event, bool, error) {
	if err := m.check(); err != nil {
		return Event{}, false, err
	}
	root, err := filepath.EvalSymlinks(sysRoot)
	if err != nil {
		return Event{}, false, err
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "class/block", m.Name()))
	if err != nil {
		return Event{}, false, nil
	}
	e, ok := readEvent(root, dir)
	if !ok || !m.Match(e) {
		return Event{}, false, nil
	}
	dev := m.Dev
	if dev == "" {
		dev = "/dev"
	}
	_, err = os.Stat(filepath.Join(dev, e.DevName))
	return e, err == nil, nil
}

func (m Partition) check() error {
	if m.Disk == "" || strings.ContainsAny(m.Disk, "/\x00") || m.Number < 1 {
		return fmt.Errorf("invalid partition %d of disk %q", m.Number, m.Disk)
	}
	return nil
}

func (m Partition) String() string { return fmt.Sprintf("partition %d of disk %s", m.Number, m.Disk) }
