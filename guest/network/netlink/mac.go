// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"bytes"
	"fmt"
	"net"
)

// MatchMAC gives the interface called name the MAC address that the host knows it by. The
// firmware of an assigned virtual function may have chosen another one, by which
// [Handle.UpdateInterface] would not find it. Running interfaces are taken down meanwhile:
// most drivers refuse a new address while they are up.
func (h *Handle) MatchMAC(name string, mac net.HardwareAddr) error {
	link, err := h.nl.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", name, err)
	}
	if bytes.Equal(link.Attrs().HardwareAddr, mac) {
		return nil
	}
	isUp := link.Attrs().Flags&net.FlagUp != 0
	if isUp {
		if err := h.nl.LinkSetDown(link); err != nil {
			return fmt.Errorf("take down %s: %w", link.Attrs().Name, err)
		}
	}
	err = h.nl.LinkSetHardwareAddr(link, mac)
	if err != nil {
		err = fmt.Errorf("set MAC address of %s: %w", link.Attrs().Name, err)
	}
	if isUp {
		if upErr := h.nl.LinkSetUp(link); upErr != nil && err == nil {
			err = fmt.Errorf("bring up %s: %w", link.Attrs().Name, upErr)
		}
	}
	return err
}
