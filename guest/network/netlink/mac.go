// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// MatchMAC gives the interface of a PCI function the MAC address that the host knows it
// by. The firmware of an assigned virtual function may have chosen another one, by which
// [Handle.UpdateInterface] would not find it. device is the function's directory below
// sysfs, "/devices/pci0000:00/0000:00:02.0". A function without an interface directly
// below it, as virtio has it one level deeper, is left alone.
func (h *Handle) MatchMAC(device, hwAddr string) error {
	mac, err := parseMAC(hwAddr)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(h.sys, device, "net"))
	if err != nil || len(entries) == 0 {
		return nil
	}
	link, err := h.nl.LinkByName(entries[0].Name())
	if err != nil {
		return fmt.Errorf("find interface of %s: %w", device, err)
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
