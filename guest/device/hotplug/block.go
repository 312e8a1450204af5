// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/guest/device/ccw"
	"github.com/kata-containers/kata-agent/guest/device/pci"
	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

const block = "block"

// isDisk tells that an event is about a whole disk that has a node.
func isDisk(e Event) bool {
	return added(e) && e.Subsystem == block && e.DevName != "" && path.Base(path.Dir(e.DevPath)) == block
}

// BlockPCI is a virtio disk at a PCI path.
type BlockPCI struct{ Path pci.Path }

// Match accepts the disk itself, not its partitions.
func (m BlockPCI) Match(e Event) bool {
	if !isDisk(e) {
		return false
	}
	rest, ok := m.Path.Below(e.DevPath)
	return ok && len(rest) == 3 && numbered(rest[0], "virtio") && rest[1] == block
}

// Probe implements [Matcher].
func (m BlockPCI) Probe(sysRoot string) (Event, bool, error) {
	return probePCI(m, sysRoot, m.Path, "virtio*/block/*")
}

// Rescan implements [Rescanner].
func (m BlockPCI) Rescan(sysRoot string) error { return pci.New(sysRoot).Rescan() }

func (m BlockPCI) String() string { return "block device at PCI path " + m.Path.String() }

// probePCI looks below the directory of a PCI function. A bridge that is not there means
// that the function is not there.
func probePCI(m Matcher, sysRoot string, p pci.Path, pattern string) (Event, bool, error) {
	dir, err := pci.New(sysRoot).Resolve(p)
	var notReady *pci.NotReadyError
	if errors.As(err, &notReady) {
		return Event{}, false, nil
	}
	if err != nil {
		return Event{}, false, err
	}
	return probeGlob(m, sysRoot, filepath.Join(dir, pattern))
}

// BlockName is a disk known by the kernel's name for it, "vda" or "pmem0": a virtio-mmio
// disk or persistent memory.
type BlockName struct{ Name string }

// Match implements [Matcher].
func (m BlockName) Match(e Event) bool {
	return isDisk(e) && e.Base() == m.Name && e.DevName == m.Name
}

// Probe implements [Matcher].
func (m BlockName) Probe(sysRoot string) (Event, bool, error) {
	if m.Name == "" || strings.ContainsRune(m.Name, '/') {
		return Event{}, false, fmt.Errorf("invalid block device name %q", m.Name)
	}
	root, err := filepath.EvalSymlinks(sysRoot)
	if err != nil {
		return Event{}, false, err
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "class/block", m.Name))
	if err != nil {
		return Event{}, false, nil
	}
	e, ok := readEvent(root, dir)
	return e, ok && m.Match(e), nil
}

func (m BlockName) String() string { return "block device " + m.Name }

// BlockCCW is a virtio disk on an s390x channel.
type BlockCCW struct{ Device ccw.Device }

// Match accepts the disk itself, not its partitions.
func (m BlockCCW) Match(e Event) bool {
	rest, ok := belowCCW(e.DevPath, m.Device)
	return ok && isDisk(e) && len(rest) == 3 && numbered(rest[0], "virtio") && rest[1] == block
}

// Probe implements [Matcher].
func (m BlockCCW) Probe(sysRoot string) (Event, bool, error) {
	return probeGlob(m, sysRoot, "devices/css0/*/"+m.Device.String()+"/virtio*/block/*")
}

func (m BlockCCW) String() string { return "block device at CCW device " + m.Device.String() }

// belowCCW returns the elements behind /devices/css0/<subchannel>/<device>.
func belowCCW(devPath string, d ccw.Device) ([]string, bool) {
	below, ok := strings.CutPrefix(devPath, "/devices/css0/")
	if !ok {
		return nil, false
	}
	parts := strings.Split(below, "/")
	if len(parts) < 2 || parts[1] != d.String() {
		return nil, false
	}
	if _, err := ccw.Parse(parts[0]); err != nil { // subchannels have the same form
		return nil, false
	}
	return parts[2:], true
}

// BlockSCSI is a SCSI disk by its target and logical unit. The host knows neither the
// number of the controller nor a channel other than 0.
type BlockSCSI struct{ ID, LUN uint }

// ParseSCSI reads "id:lun".
func ParseSCSI(text string) (BlockSCSI, error) {
	var m BlockSCSI
	if n, err := fmt.Sscanf(text, "%d:%d", &m.ID, &m.LUN); err != nil || n != 2 || m.address() != text {
		return BlockSCSI{}, fmt.Errorf("Unexpected format for SCSI Address: %s, expect SCSIID:LUA", text) // known text
	}
	return m, nil
}

func (m BlockSCSI) address() string { return fmt.Sprintf("%d:%d", m.ID, m.LUN) }

// Match implements [Matcher].
func (m BlockSCSI) Match(e Event) bool {
	if !isDisk(e) || e.Base() != e.DevName {
		return false
	}
	host, address, ok := strings.Cut(path.Base(path.Dir(path.Dir(e.DevPath))), ":")
	return ok && numbered(host, "") && address == "0:"+m.address()
}

// Probe implements [Matcher].
func (m BlockSCSI) Probe(sysRoot string) (Event, bool, error) {
	return probeClass(m, sysRoot, "class/block")
}

// Scan makes every controller look at the address.
func (m BlockSCSI) Scan(sysRoot string) error {
	const hosts = "class/scsi_host"
	names, err := sysfs.Names(filepath.Join(sysRoot, hosts))
	if err != nil {
		return fmt.Errorf("scan SCSI controllers: %w", err)
	}
	for _, name := range names {
		value := fmt.Sprintf("0 %d %d", m.ID, m.LUN)
		if err := sysfs.Write(filepath.Join(sysRoot, hosts, name, "scan"), value); err != nil {
			return fmt.Errorf("scan SCSI controller %s: %w", name, err)
		}
	}
	return nil
}

func (m BlockSCSI) String() string { return "block device at SCSI address " + m.address() }
