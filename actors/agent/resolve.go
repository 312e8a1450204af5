// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/uevent"
	"github.com/kata-containers/kata-agent/guest/device/ccw"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/pci"
)

// resolver finds the device that a host names by its place.
type resolver struct {
	uevent  core.Ref
	timeout time.Duration
}

// block returns the node of a disk. source is a node itself, or an address in the form of
// the driver: PCI path, CCW device number, "scsi-id:lun", or the name of a node to come.
func (r resolver) block(ctx context.Context, driver, source string) (string, error) {
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

// nic returns the name of the network interface at a PCI path.
func (r resolver) nic(ctx context.Context, path string) (string, error) {
	p, err := pci.ParsePath(path)
	if err != nil {
		return "", err
	}
	e, err := r.await(ctx, hotplug.NetPCI{Path: p})
	return e.Interface, err
}

func (r resolver) await(ctx context.Context, m hotplug.Matcher) (hotplug.Event, error) {
	return core.Ask(ctx, r.uevent, &uevent.Await{Matcher: m, Timeout: r.timeout})
}
