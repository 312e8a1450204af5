// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"testing"

	"github.com/kata-containers/kata-agent/guest/device/ccw"
	"github.com/kata-containers/kata-agent/guest/device/pci"
)

// FuzzMatchers shows every kind of waiter events, as the kernel writes them and as nobody does.
func FuzzMatchers(f *testing.F) {
	f.Add("/devices/pci0000:00/0000:00:02.0/0000:01:00.0/virtio1/block/vda", "vda", "block", "add")
	f.Add("/devices/pci0000:00/0000:00:02.0/virtio1/net/eth0", "", "net", "add")
	f.Add("/devices/css0/0.0.0005/0.0.0001/virtio4/block/vdb", "vdb", "block", "add")
	f.Add("/devices/virtual/vfio/7", "vfio/7", "vfio", "add")
	f.Add("/devices/pci0000:00/0000:00:03.0/virtio2/host0/target0:0:1/0:0:1:0/block/sda/sda1", "sda1", "block", "remove")
	f.Add("/devices/ap/card00/00.0001", "", "ap", "add")
	path, err := pci.ParsePath("02/00")
	if err != nil {
		f.Fatal(err)
	}
	dev, err := ccw.Parse("0.0.0005")
	if err != nil {
		f.Fatal(err)
	}
	matchers := []Matcher{
		BlockPCI{Path: path}, NetPCI{Path: path}, PCIFunction{Path: path}, BlockCCW{Device: dev}, NetCCW{Device: dev},
		BlockSCSI{ID: 1}, BlockName{Name: "vda"}, VFIOGroup{Group: 7}, Partition{Disk: "sda", Number: 1},
	}
	f.Fuzz(func(t *testing.T, devPath, devName, subsystem, action string) {
		e, err := Parse(datagram(action+"@"+devPath, "ACTION="+action, "DEVPATH="+devPath, "DEVNAME="+devName, "SUBSYSTEM="+subsystem))
		if err != nil {
			return
		}
		for _, m := range matchers {
			if m.Match(e) && e.Action != "add" {
				t.Errorf("%s takes %+v for its device", m, e)
			}
		}
	})
}
