// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"github.com/kata-containers/kata-agent/guest/device/ccw"
	"github.com/kata-containers/kata-agent/guest/device/pci"
)

func isInterface(e Event) bool {
	return added(e) && e.Subsystem == "net" && e.Interface != ""
}

// endsInInterface accepts "net/<name>" and, for virtio, "virtioN/net/<name>" behind the
// bus device, and no further device in between.
func endsInInterface(rest []string) bool {
	if len(rest) == 3 && numbered(rest[0], "virtio") {
		rest = rest[1:]
	}
	return len(rest) == 2 && rest[0] == "net"
}

// NetPCI is the network interface of the function at a PCI path.
type NetPCI struct{ Path pci.Path }

// Match implements [Matcher].
func (m NetPCI) Match(e Event) bool {
	if !isInterface(e) {
		return false
	}
	rest, ok := m.Path.Below(e.DevPath)
	return ok && endsInInterface(rest)
}

// Probe implements [Matcher].
func (m NetPCI) Probe(sysRoot string) (Event, bool, error) {
	for _, pattern := range []string{"net/*", "virtio*/net/*"} {
		e, ok, err := probePCI(m, sysRoot, m.Path, pattern)
		if ok || err != nil {
			return e, ok, err
		}
	}
	return Event{}, false, nil
}

// Rescan implements [Rescanner].
func (m NetPCI) Rescan(sysRoot string) error { return pci.New(sysRoot).Rescan() }

func (m NetPCI) String() string { return "network interface at PCI path " + m.Path.String() }

// NetCCW is the network interface of an s390x channel device.
type NetCCW struct{ Device ccw.Device }

// Match implements [Matcher].
func (m NetCCW) Match(e Event) bool {
	rest, ok := belowCCW(e.DevPath, m.Device)
	return ok && isInterface(e) && endsInInterface(rest)
}

// Probe implements [Matcher].
func (m NetCCW) Probe(sysRoot string) (Event, bool, error) {
	return probeGlob(m, sysRoot, "devices/css0/*/"+m.Device.String()+"/virtio*/net/*")
}

func (m NetCCW) String() string { return "network interface at CCW device " + m.Device.String() }
