// SPDX-License-Identifier: Apache-2.0

package hotplug_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/hotplug/hotplugtest"
)

func TestPartitionName(t *testing.T) {
	for _, tt := range []struct {
		disk, want string
		number     int
	}{
		{"vda", "vda3", 3}, {"sdaa", "sdaa12", 12}, {"nvme0n1", "nvme0n1p3", 3}, {"loop7", "loop7p1", 1}, {"pmem0", "pmem0p128", 128},
	} {
		if got := (hotplug.Partition{Disk: tt.disk, Number: tt.number}).Name(); got != tt.want {
			t.Errorf("partition %d of %s is %q, want %q", tt.number, tt.disk, got, tt.want)
		}
	}
}

func TestPartitionMatch(t *testing.T) {
	m := hotplug.Partition{Disk: "vda", Number: 1}
	if !m.Match(disk(behind + "/virtio1/block/vda/vda1")) {
		t.Error("its own event does not match")
	}
	removed := disk(behind + "/virtio1/block/vda/vda1")
	removed.Action = "remove"
	for _, e := range []hotplug.Event{
		disk(behind + "/virtio1/block/vda"), disk(behind + "/virtio1/block/vda/vda11"), disk(behind + "/virtio1/block/vda1"),
		disk(behind + "/virtio1/block/vdb/vda1"), {Action: "add", Subsystem: "block", DevPath: behind + "/virtio1/block/vda/vda1"}, removed, {},
	} {
		if m.Match(e) {
			t.Errorf("matches %+v", e)
		}
	}
	for _, bad := range []hotplug.Partition{{Disk: "vda"}, {Number: 1}, {Disk: "../x", Number: 1}, {Disk: "vda", Number: -1}} {
		if _, _, err := bad.Probe(t.TempDir()); err == nil {
			t.Errorf("%+v was looked for", bad)
		}
	}
}

// A partition is there when sysfs shows it and its node is made, in that order.
func TestPartitionProbe(t *testing.T) {
	sys, dev := t.TempDir(), t.TempDir()
	m := hotplug.Partition{Disk: "vda", Number: 2, Dev: dev}
	look := func(want bool, when string) {
		t.Helper()
		if e, ok, err := m.Probe(sys); ok != want || err != nil || ok && e.Node() != "/dev/vda2" {
			t.Errorf("%s: got %+v, %t, %v", when, e, ok, err)
		}
	}
	look(false, "nothing there")
	hotplugtest.AddDevice(t, sys, disk(behind+"/virtio1/block/vda"))
	hotplugtest.AddDevice(t, sys, disk(behind+"/virtio1/block/vda/vda1"))
	look(false, "another partition")
	hotplugtest.AddDevice(t, sys, disk(behind+"/virtio1/block/vda/vda2"))
	look(false, "no node yet")
	if err := os.WriteFile(filepath.Join(dev, "vda2"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	look(true, "all there")
}
