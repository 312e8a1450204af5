// SPDX-License-Identifier: Apache-2.0

package netlink

import "testing"

func TestMatchMAC(t *testing.T) {
	h := newNamespace(t)
	addLink(t, h, "eth0", macA, true)
	if err := h.MatchMAC("eth7", hw(macB)); err == nil {
		t.Error("an interface that is not there: want an error, got none")
	}
	for range 2 {
		if err := h.MatchMAC("eth0", hw(macB)); err != nil {
			t.Fatalf("want the address changed, got %v", err)
		}
		if got := stateOf(t, h, "eth0"); got.MAC != macB || !got.Up {
			t.Errorf("want %s and up, got %+v", macB, got)
		}
	}
	if err := h.MatchMAC("eth0", hw("01:00:00:00:00:01")); err == nil {
		t.Error("a multicast address: want an error, got none")
	}
	if got := stateOf(t, h, "eth0"); got.MAC != macB || !got.Up {
		t.Errorf("after a failure want %s and up, got %+v", macB, got)
	}
}
