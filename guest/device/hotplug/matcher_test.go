// SPDX-License-Identifier: Apache-2.0

package hotplug_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/guest/device/ccw"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/hotplug/hotplugtest"
	"github.com/kata-containers/kata-agent/guest/device/pci"
)

func path(t *testing.T, text string) pci.Path {
	t.Helper()
	p, err := pci.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func disk(devPath string) hotplug.Event {
	return hotplug.Event{Action: "add", Subsystem: "block", DevPath: devPath, DevName: filepath.Base(devPath)}
}

func nic(devPath string) hotplug.Event {
	return hotplug.Event{Action: "add", Subsystem: "net", DevPath: devPath, Interface: filepath.Base(devPath)}
}

func bare(devPath string) hotplug.Event {
	return hotplug.Event{Action: "add", Subsystem: "pci", DevPath: devPath}
}

const (
	port   = "/devices/pci0000:00/0000:00:02.0"
	behind = port + "/0000:01:03.0"
)

type matcherTest struct {
	name  string
	m     hotplug.Matcher
	text  string
	right hotplug.Event
	wrong []hotplug.Event
}

func matcherTests(t *testing.T) []matcherTest {
	p := path(t, "02/03")
	vfio := hotplug.Event{Action: "add", Subsystem: "vfio", DevPath: "/devices/virtual/vfio/3", DevName: "vfio/3"}
	queue := hotplug.Event{Action: "add", Subsystem: "ap", DevPath: "/devices/ap/card0a/0a.001f"}
	channel := ccw.Device{Number: 0x1234}
	return []matcherTest{
		{"virtio disk", hotplug.BlockPCI{Path: p}, "block device at PCI path 02.0/03.0", disk(behind + "/virtio12/block/vda"), []hotplug.Event{
			disk(behind + "/virtio1/block/vda/vda1"), disk(behind + "/block/vdb"), disk(port + "/virtio1/block/vdc"),
			disk(behind + "/virtio/block/vdd"), disk(behind + "/virtiox/block/vde"), disk(behind + "/0000:02:00.0/virtio1/block/vdf"), nic(behind + "/virtio1/net/eth0"),
			{Action: "add", Subsystem: "block", DevPath: behind + "/virtio1/block/vdx"},
			{Action: "remove", Subsystem: "block", DevPath: behind + "/virtio1/block/vdx", DevName: "vdx"},
		}},
		{"disk by name", hotplug.BlockName{Name: "vda"}, "block device vda", disk("/devices/platform/virtio-mmio.3/virtio3/block/vda"), []hotplug.Event{
			disk("/devices/platform/virtio-mmio.3/virtio3/block/vdb"), disk("/devices/platform/virtio-mmio.3/virtio3/block/vda/vda1"),
		}},
		{"persistent memory", hotplug.BlockName{Name: "pmem0"}, "block device pmem0", disk("/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00/ndbus0/region0/namespace0.0/block/pmem0"), nil},
		{"channel disk", hotplug.BlockCCW{Device: channel}, "block device at CCW device 0.0.1234", disk("/devices/css0/0.0.0002/0.0.1234/virtio1/block/vda"), []hotplug.Event{
			disk("/devices/css0/0.0.0002/0.0.1235/virtio1/block/vdb"), disk("/devices/css0/0.0.0002/0.0.1234/virtio1/block/vda/vda1"),
			disk("/devices/css0/0.4.0002/0.0.1234/virtio1/block/vdc"), disk("/devices/x/0.0.1234/virtio1/block/vdd"),
		}},
		{"SCSI disk", hotplug.BlockSCSI{ID: 1, LUN: 2}, "block device at SCSI address 1:2", disk(port + "/virtio0/host4/target4:0:1/4:0:1:2/block/sda"), []hotplug.Event{
			disk(port + "/virtio0/host4/target4:0:1/4:0:1:3/block/sdb"), disk(port + "/virtio0/host4/target4:0:11/4:0:11:2/block/sdc"),
			disk(port + "/virtio0/host4/target4:1:1/4:1:1:2/block/sdd"), disk(port + "/virtio0/host4/target4:0:1/4:0:1:2/block/sde/sde1"),
		}},
		{"VFIO group", hotplug.VFIOGroup{Group: 3}, "VFIO group 3", vfio, []hotplug.Event{
			{Action: "add", Subsystem: "vfio", DevPath: "/devices/virtual/vfio/33", DevName: "vfio/33"},
		}},
		{"PCI function", hotplug.PCIFunction{Path: p}, "device at PCI path 02.0/03.0", bare(behind), []hotplug.Event{bare(port), bare(behind + "/virtio0")}},
		{"function behind an expander", hotplug.PCIFunction{Path: path(t, "20/00/00")}, "device at PCI path 20/00.0/00.0",
			bare("/devices/pci0000:20/0000:20:00.0/0000:21:00.0"), []hotplug.Event{bare("/devices/pci0000:20/0000:20:00.0")}},
		{"virtio interface", hotplug.NetPCI{Path: p}, "network interface at PCI path 02.0/03.0", nic(behind + "/virtio1/net/eth0"), []hotplug.Event{
			nic(port + "/virtio0/net/eth1"), nic(behind + "/0000:02:00.0/net/eth2"), nic("/devices/virtual/net/lo"), disk(behind + "/virtio1/block/vda"),
		}},
		{"assigned interface", hotplug.NetPCI{Path: p}, "network interface at PCI path 02.0/03.0", nic(behind + "/net/eth0"), nil},
		{"channel interface", hotplug.NetCCW{Device: channel}, "network interface at CCW device 0.0.1234", nic("/devices/css0/0.1.0002/0.0.1234/virtio1/net/eth0"), []hotplug.Event{
			nic("/devices/css0/0.1.0002/0.0.0234/virtio1/net/eth1"),
		}},
		{"AP queue", hotplug.APQueue{Queue: ccw.Queue{Adapter: 10, Domain: 31}}, "AP queue 0a.001f", queue, []hotplug.Event{
			{Action: "add", Subsystem: "ap", DevPath: "/devices/ap/card0a/0a.001e"}, {Action: "remove", Subsystem: "ap", DevPath: "/devices/ap/card0a/0a.001f"},
		}},
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range matcherTests(t) {
		if got := tt.m.String(); got != tt.text {
			t.Errorf("%s: String is %q, want %q", tt.name, got, tt.text)
		}
		if !tt.m.Match(tt.right) {
			t.Errorf("%s: does not match %+v", tt.name, tt.right)
		}
		removed := tt.right
		removed.Action = "remove"
		for _, e := range append(tt.wrong, removed, hotplug.Event{}) {
			if tt.m.Match(e) {
				t.Errorf("%s: matches %+v", tt.name, e)
			}
		}
	}
}

// TestProbe puts the right device among all the wrong ones.
func TestProbe(t *testing.T) {
	for _, tt := range matcherTests(t) {
		sys := t.TempDir()
		// The buses behind the bridges.
		for _, dir := range []string{port + "/pci_bus/0000:01", "/devices/pci0000:20/0000:20:00.0/pci_bus/0000:21"} {
			if err := os.MkdirAll(filepath.Join(sys, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range tt.wrong {
			if e.Action == "add" {
				hotplugtest.AddDevice(t, sys, e)
			}
		}
		if e, ok, err := tt.m.Probe(sys); ok || err != nil {
			t.Errorf("%s: found %+v, %v too early", tt.name, e, err)
		}
		hotplugtest.AddDevice(t, sys, tt.right)
		if e, ok, err := tt.m.Probe(sys); !ok || err != nil || e != tt.right {
			t.Errorf("%s: got %+v, %t, %v\nwant %+v", tt.name, e, ok, err, tt.right)
		}
	}
}

func TestProbeEmptySysfs(t *testing.T) {
	for _, tt := range matcherTests(t) {
		if e, ok, err := tt.m.Probe(t.TempDir()); ok || err != nil {
			t.Errorf("%s: got %+v, %t, %v", tt.name, e, ok, err)
		}
	}
	if _, _, err := (hotplug.BlockName{Name: "../x"}).Probe(t.TempDir()); err == nil {
		t.Error("a path was taken for a name")
	}
}

func TestParseSCSI(t *testing.T) {
	if m, err := hotplug.ParseSCSI("1:20"); err != nil || m != (hotplug.BlockSCSI{ID: 1, LUN: 20}) {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, bad := range []string{"", "1", "1:", ":1", "1:2:3", "a:b", "-1:0", "1:2x", " 1:2", "01:2"} {
		if m, err := hotplug.ParseSCSI(bad); err == nil || err.Error() != "Unexpected format for SCSI Address: "+bad+", expect SCSIID:LUA" {
			t.Errorf("%q: got %+v, %v, want %q", bad, m, err, "Unexpected format for SCSI Address: "+bad+", expect SCSIID:LUA")
		}
	}
}

func TestScan(t *testing.T) {
	sys := t.TempDir()
	files := []string{"class/scsi_host/host0/scan", "class/scsi_host/host1/scan", "bus/ap/scans", "bus/pci/rescan"}
	scsi := hotplug.BlockSCSI{ID: 3, LUN: 4}
	if err := scsi.Scan(sys); err != nil {
		t.Errorf("no controller: %v", err)
	}
	if err := (hotplug.APQueue{}).Scan(sys); err == nil {
		t.Error("no AP bus is no error")
	}
	for _, file := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(sys, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, scan := range []func(string) error{scsi.Scan, hotplug.APQueue{}.Scan, hotplug.BlockPCI{}.Rescan, hotplug.NetPCI{}.Rescan, hotplug.PCIFunction{}.Rescan} {
		if err := scan(sys); err != nil {
			t.Error(err)
		}
	}
	for i, want := range []string{"0 3 4", "0 3 4", "1", "1"} {
		if text, _ := os.ReadFile(filepath.Join(sys, files[i])); string(text) != want {
			t.Errorf("%s: wrote %q, want %q", files[i], text, want)
		}
	}
}
