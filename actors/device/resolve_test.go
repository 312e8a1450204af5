// SPDX-License-Identifier: Apache-2.0

package device

import (
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/device/hotplug"
)

// A NIC is named by a PCI path, or by the number of a channel device (s390x).
func TestNICPlaces(t *testing.T) {
	for place, want := range map[string]string{
		"02/05":    "network interface at PCI path 02.0/05.0",
		"20/00/00": "network interface at PCI path 20/00.0/00.0",
		"0.0.0001": "network interface at CCW device 0.0.0001",
	} {
		m, err := nicMatcher(place)
		if err != nil || m.(interface{ String() string }).String() != want {
			t.Errorf("%s: want %q, got %v, %v", place, want, m, err)
		}
	}
	for _, place := range []string{"", "0.4.0001", "0.0.x", "zz/05", "02/"} {
		if m, err := nicMatcher(place); err == nil {
			t.Errorf("%q: want an error, got %v", place, m)
		}
	}
	m, _ := nicMatcher("0.0.0001")
	e := hotplug.Event{
		Action: "add", Subsystem: "net", Interface: "enc1",
		DevPath: "/devices/css0/0.0.0002/0.0.0001/virtio1/net/enc1",
	}
	if !m.Match(e) || m.Match(hotplug.Event{Action: "add", Subsystem: "net", DevPath: strings.Replace(e.DevPath, "0.0.0001", "0.0.0009", 1)}) {
		t.Error("the matcher wants the channel device 0.0.0001 and no other")
	}
}
