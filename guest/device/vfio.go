// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/device/pci"
	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// VFIODriver is the driver that hands a PCI function to a container.
const VFIODriver = "vfio-pci"

// VFIOFunction is a PCI function assigned to the guest: its address on the host and its
// path in the guest.
type VFIOFunction struct {
	Host  pci.Address
	Guest pci.Path
}

// VFIOFunctions reads the options of an assigned device, "<host address>=<guest path>".
// One without a path, of a device the guest has not got, is passed over and counted. No option
// at all is an error: nothing would come into the container.
func (r Request) VFIOFunctions() (functions []VFIOFunction, skipped int, err error) {
	if len(r.Options) == 0 {
		return nil, 0, fmt.Errorf("device %s of type %s names no PCI function in its options", r.ContainerPath, r.Type)
	}
	for _, option := range r.Options {
		parts := strings.Split(option, "=")
		if len(parts) != 2 {
			return nil, 0, fmt.Errorf("Malformed VFIO PCI option %q", option) // known text
		}
		host, err := pci.ParseAddress(parts[0])
		if err != nil {
			return nil, 0, err
		}
		if parts[1] == "" {
			skipped++
			continue
		}
		guest, err := pci.ParsePath(parts[1])
		if err != nil {
			return nil, 0, err
		}
		functions = append(functions, VFIOFunction{Host: host, Guest: guest})
	}
	return functions, skipped, nil
}

func functionDir(sysRoot, address string) string {
	return filepath.Join(sysRoot, "bus/pci/devices", address)
}

// BindVFIO gives the function at address, "dddd:bb:ss.f", to [VFIODriver], whatever driver
// has it now. See driver_override in the kernel's ABI/testing/sysfs-bus-pci.
func BindVFIO(sysRoot, address string) error {
	dir := functionDir(sysRoot, address)
	if err := sysfs.Write(filepath.Join(dir, "driver_override"), VFIODriver); err != nil {
		return fmt.Errorf("set driver of %s: %w", address, err)
	}
	driver, err := os.Readlink(filepath.Join(dir, "driver"))
	switch {
	case err == nil && filepath.Base(driver) == VFIODriver:
		return nil
	case err == nil:
		if err := sysfs.Write(filepath.Join(dir, "driver/unbind"), address); err != nil {
			return fmt.Errorf("unbind %s from driver %s: %w", address, filepath.Base(driver), err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read driver of %s: %w", address, err)
	}
	if err := sysfs.Write(filepath.Join(sysRoot, "bus/pci/drivers_probe"), address); err != nil {
		return fmt.Errorf("bind %s to driver %s: %w", address, VFIODriver, err)
	}
	return nil
}

// IOMMUGroup returns the group of the functions at addresses. They must share one: a
// container gets a group as a whole.
func IOMMUGroup(sysRoot string, addresses []string) (uint32, error) {
	var common uint32
	for i, address := range addresses {
		link, err := os.Readlink(filepath.Join(functionDir(sysRoot, address), "iommu_group"))
		if err != nil {
			return 0, fmt.Errorf("%s has no IOMMU group: %w", address, err)
		}
		group, err := strconv.ParseUint(filepath.Base(link), 10, 32)
		if err != nil {
			return 0, fmt.Errorf("parse IOMMU group of %s: %w", address, err)
		}
		if i > 0 && uint32(group) != common {
			return 0, fmt.Errorf("%s is not in guest IOMMU group %d", address, common)
		}
		common = uint32(group)
	}
	if len(addresses) == 0 {
		return 0, errors.New("no PCI function to take an IOMMU group of")
	}
	return common, nil
}
