// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMatchMAC(t *testing.T) {
	h := newNamespace(t)
	h.sys = t.TempDir()
	addLink(t, h, "eth0", macA, true)
	const device = "/devices/pci0000:00/0000:00:02.0"
	if err := h.MatchMAC(device, macB); err != nil {
		t.Errorf("a function without an interface: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(h.sys, device, "net/eth0"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.MatchMAC(device, macB); err != nil {
			t.Fatal(err)
		}
		if got := stateOf(t, h, "eth0"); got.MAC != macB || !got.Up {
			t.Errorf("got %+v", got)
		}
	}
	if err := h.MatchMAC(device, "01:00:00:00:00:01"); err == nil {
		t.Error("a multicast address was accepted")
	}
	if got := stateOf(t, h, "eth0"); got.MAC != macB || !got.Up {
		t.Errorf("after a failure: %+v", got)
	}
}
