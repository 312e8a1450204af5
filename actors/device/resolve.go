// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/device/ccw"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/pci"
)

// Resolver finds the device that a host names by its place.
type Resolver struct {
	Actor core.Ref // who knows when a device is there: New
	// Timeout bounds the wait for each device: agent.hotplug_timeout. The context's own
	// deadline counts too.
	Timeout time.Duration
}

// Block returns the node of a disk. source is a node itself, or an address in the form of
// the driver: PCI path, CCW device number, "scsi-id:lun", or the name of a node to come.
func (r Resolver) Block(ctx context.Context, driver, source string) (string, error) {
	m, err := blockMatcher(driver, source)
	if err != nil {
		return "", fmt.Errorf("%s device %q: %w", driver, source, err)
	}
	if m == nil {
		return source, nil
	}
	e, err := r.await(ctx, m)
	return e.Node(), err
}

// blockMatcher is nil for a node that needs no wait.
func blockMatcher(driver, source string) (hotplug.Matcher, error) {
	name, isNode := strings.CutPrefix(source, "/dev/")
	switch driver {
	case "blk":
		if isNode {
			return nil, nil
		}
		path, err := pci.ParsePath(source)
		return hotplug.BlockPCI{Path: path}, err
	case "blk-ccw":
		device, err := ccw.Parse(source)
		return hotplug.BlockCCW{Device: device}, err
	case "scsi":
		return hotplug.ParseSCSI(source)
	case "mmioblk", "nvdimm":
		if !isNode || name != filepath.Base(name) {
			return nil, fmt.Errorf("not a node in /dev")
		}
		return hotplug.BlockName{Name: name}, nil
	}
	return nil, fmt.Errorf("no such driver")
}

// NIC returns the name of the network interface at a place: a PCI path, or on s390x the
// number of a channel device.
func (r Resolver) NIC(ctx context.Context, place string) (string, error) {
	m, err := nicMatcher(place)
	if err != nil {
		return "", err
	}
	e, err := r.await(ctx, m)
	return e.Interface, err
}

// nicMatcher tells the two forms apart by the dots of a channel device's number, "0.0.0001".
func nicMatcher(place string) (hotplug.Matcher, error) {
	if strings.Contains(place, ".") && !strings.Contains(place, "/") {
		channel, err := ccw.Parse(place)
		return hotplug.NetCCW{Device: channel}, err
	}
	path, err := pci.ParsePath(place)
	return hotplug.NetPCI{Path: path}, err
}

// Partition returns the node of a partition of the disk with the given node.
func (r Resolver) Partition(ctx context.Context, disk string, number int) (string, error) {
	e, err := r.await(ctx, hotplug.Partition{Disk: filepath.Base(disk), Number: number})
	return e.Node(), err
}

func (r Resolver) await(ctx context.Context, m hotplug.Matcher) (e hotplug.Event, err error) {
	err = core.Step(ctx, core.StepDeviceWait, m.String(), func(ctx context.Context) error {
		e, err = core.Ask(ctx, r.Actor, &Await{Matcher: m, Timeout: r.Timeout})
		return err
	})
	return e, err
}
