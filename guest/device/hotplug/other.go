// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"fmt"
	"path/filepath"

	"github.com/kata-containers/kata-agent/guest/device/ccw"
	"github.com/kata-containers/kata-agent/guest/device/pci"
	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// PCIFunction is a PCI function, whatever it is. The base of the event's path is its
// address in the guest.
type PCIFunction struct{ Path pci.Path }

// Match implements [Matcher].
func (m PCIFunction) Match(e Event) bool {
	if !added(e) {
		return false
	}
	rest, ok := m.Path.Below(e.DevPath)
	return ok && len(rest) == 0
}

// Probe implements [Matcher].
func (m PCIFunction) Probe(sysRoot string) (Event, bool, error) {
	return probePCI(m, sysRoot, m.Path, "")
}

// Rescan implements [Rescanner].
func (m PCIFunction) Rescan(sysRoot string) error { return pci.New(sysRoot).Rescan() }

func (m PCIFunction) String() string { return "device at PCI path " + m.Path.String() }

// VFIOGroup is the node of an IOMMU group whose devices are bound to VFIO.
type VFIOGroup struct{ Group uint32 }

func (m VFIOGroup) devPath() string { return fmt.Sprintf("/devices/virtual/vfio/%d", m.Group) }

// Match implements [Matcher].
func (m VFIOGroup) Match(e Event) bool {
	return added(e) && e.DevName != "" && e.DevPath == m.devPath()
}

// Probe implements [Matcher].
func (m VFIOGroup) Probe(sysRoot string) (Event, bool, error) {
	return probeGlob(m, sysRoot, m.devPath())
}

func (m VFIOGroup) String() string { return fmt.Sprintf("VFIO group %d", m.Group) }

// APQueue is a queue of an s390x crypto adapter.
type APQueue struct{ Queue ccw.Queue }

// Match implements [Matcher].
func (m APQueue) Match(e Event) bool { return added(e) && e.DevPath == m.Queue.DevPath() }

// Probe implements [Matcher].
func (m APQueue) Probe(sysRoot string) (Event, bool, error) {
	return probeGlob(m, sysRoot, m.Queue.DevPath())
}

// Scan makes the kernel look for adapters, which it does by itself only every half minute.
func (m APQueue) Scan(sysRoot string) error {
	if err := sysfs.Write(filepath.Join(sysRoot, "bus/ap/scans"), "1"); err != nil {
		return fmt.Errorf("scan AP bus: %w", err)
	}
	return nil
}

func (m APQueue) String() string { return "AP queue " + m.Queue.String() }
