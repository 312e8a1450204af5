// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/guest/device/ccw"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/pci"
)

// The types of device a host sends.
const (
	TypeBlock      = "blk"          // ID is a PCI path
	TypeBlockCCW   = "blk-ccw"      // ID is a channel device number
	TypeMMIO       = "mmioblk"      // VMPath is the node
	TypeSCSI       = "scsi"         // ID is "id:lun"
	TypeNVDIMM     = "nvdimm"       // VMPath is the node
	TypeVFIO       = "vfio-pci"     // Options name PCI functions, which become a VFIO group
	TypeVFIOKernel = "vfio-pci-gk"  // the same, but the guest's own drivers keep them
	TypeVFIOAP     = "vfio-ap"      // Options name crypto queues
	TypeVFIOAPCold = "vfio-ap-cold" // the same, there since the start
)

// Types are all of them, for hosts that ask.
func Types() []string {
	return []string{
		TypeBlock, TypeBlockCCW, TypeMMIO, TypeNVDIMM, TypeSCSI, TypeVFIOAP, TypeVFIOAPCold, TypeVFIO, TypeVFIOKernel,
	}
}

// Request is a device as the host describes it.
type Request struct {
	ID            string
	Type          string
	VMPath        string // node in the guest
	ContainerPath string
	Options       []string
}

// Validate checks what every type needs.
func (r Request) Validate() error {
	switch {
	case r.Type == "":
		return fmt.Errorf("invalid type for device %+v", r)
	case r.ID == "" && r.VMPath == "":
		return fmt.Errorf("invalid ID and VM path for device %+v", r)
	case r.ContainerPath == "":
		return fmt.Errorf("invalid container path for device %+v", r)
	}
	return nil
}

// Matcher returns what a disk is known by. Its event has the node.
func (r Request) Matcher() (hotplug.Matcher, error) {
	switch r.Type {
	case TypeBlock:
		path, err := pci.ParsePath(r.ID)
		if err != nil {
			return nil, fmt.Errorf("Failed to parse PCI path from '%s': %w", r.ID, err) // known text
		}
		return hotplug.BlockPCI{Path: path}, nil
	case TypeBlockCCW:
		device, err := ccw.Parse(r.ID)
		if err != nil {
			return nil, err
		}
		return hotplug.BlockCCW{Device: device}, nil
	case TypeSCSI:
		return hotplug.ParseSCSI(r.ID)
	case TypeMMIO:
		return namedDisk(r.VMPath, "virtio mmio blk")
	case TypeNVDIMM:
		return namedDisk(r.VMPath, "nvdimm")
	}
	return nil, fmt.Errorf("Failed to find the device handler %s", r.Type) // known text
}

func namedDisk(path, kind string) (hotplug.Matcher, error) {
	name, ok := strings.CutPrefix(path, "/dev/")
	if !ok || name == "" || strings.ContainsRune(name, '/') {
		return nil, fmt.Errorf("Invalid path for %s device", kind) // known text
	}
	return hotplug.BlockName{Name: name}, nil
}

// APQueues returns the crypto queues of the options.
func (r Request) APQueues() ([]hotplug.APQueue, error) {
	var queues []hotplug.APQueue
	for _, option := range r.Options {
		queue, err := ccw.ParseQueue(option)
		if err != nil {
			return nil, err
		}
		queues = append(queues, hotplug.APQueue{Queue: queue})
	}
	return queues, nil
}

// IsVFIO tells whether a type is one of assigned devices.
func IsVFIO(deviceType string) bool { return strings.HasPrefix(deviceType, "vfio") }
