// SPDX-License-Identifier: Apache-2.0

package pci

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// NotReadyError says that a bridge on the way to a device is not there yet or has no bus
// yet: it may still be coming.
type NotReadyError struct {
	Path   Path
	Bridge string // its directory below sysfs
}

func (e *NotReadyError) Error() string {
	return fmt.Sprintf("bridge %s on the PCI path %s is not there", e.Bridge, e.Path)
}

// Sysfs is the machine's PCI tree.
type Sysfs struct {
	Root string // "/sys"
	Arch string // as runtime.GOARCH
}

// New returns the tree of this machine at root, "/sys".
func New(root string) Sysfs { return Sysfs{Root: root, Arch: runtime.GOARCH} }

// RootBus returns the directory of a root complex below Root, "/devices/pci0000:00". On
// Arm it is below a platform device unless the firmware has ACPI.
func (s Sysfs) RootBus(root uint8) string {
	name := fmt.Sprintf("pci0000:%02x", root)
	plain := "/devices/" + name
	if s.Arch != "arm64" || sysfs.IsDir(s.Root+plain) {
		return plain
	}
	platform := "4010000000.pcie" // of QEMU's virt machine
	if found, err := filepath.Glob(filepath.Join(s.Root, "devices/platform/*.pcie")); err == nil && len(found) > 0 {
		platform = filepath.Base(found[0])
	}
	return "/devices/platform/" + platform + "/" + name
}

// Resolve returns the directory below Root where the device of a path is or will be, as
// in the DEVPATH of its events. The bridges must be there, see [NotReadyError].
func (s Sysfs) Resolve(p Path) (string, error) {
	if len(p.Elements) == 0 {
		return "", errEmptyPath
	}
	dir := s.RootBus(p.Root)
	bus := fmt.Sprintf("0000:%02x", p.Root)
	for i, element := range p.Elements {
		dir += "/" + bus + ":" + element.String()
		if i == len(p.Elements)-1 {
			break
		}
		next, err := s.busBelow(dir)
		if err != nil {
			return "", fmt.Errorf("resolve element %d of PCI path %s: %w", i, p, err)
		}
		if next == "" {
			return "", &NotReadyError{Path: p, Bridge: dir}
		}
		bus = next
	}
	return dir, nil
}

// busBelow returns the "dddd:bb" of the bus behind a bridge, empty if there is none yet.
func (s Sysfs) busBelow(bridge string) (string, error) {
	names, err := sysfs.Names(filepath.Join(s.Root, bridge, "pci_bus"))
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		// Some bridges have no such directory, but the devices behind them tell.
		if names, err = s.busesOfChildren(bridge); err != nil {
			return "", err
		}
	}
	switch len(names) {
	case 0:
		return "", nil
	case 1:
		return names[0], nil
	}
	return "", fmt.Errorf("bridge %s has several buses: %s", bridge, strings.Join(names, ", "))
}

func (s Sysfs) busesOfChildren(bridge string) ([]string, error) {
	names, err := sysfs.Names(filepath.Join(s.Root, bridge))
	if err != nil {
		return nil, err
	}
	var buses []string
	for _, name := range names {
		if _, err := ParseAddress(name); err != nil {
			continue
		}
		bus := name[:strings.LastIndexByte(name, ':')]
		if len(buses) == 0 || buses[len(buses)-1] != bus { // names come sorted
			buses = append(buses, bus)
		}
	}
	return buses, nil
}

// Rescan asks the kernel to look for devices it was not told of, which machines without
// a hotplug controller need.
func (s Sysfs) Rescan() error {
	if err := sysfs.Write(filepath.Join(s.Root, "bus/pci/rescan"), "1"); err != nil {
		return fmt.Errorf("rescan PCI bus: %w", err)
	}
	return nil
}
