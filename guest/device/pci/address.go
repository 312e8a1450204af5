// SPDX-License-Identifier: Apache-2.0

package pci

import (
	"fmt"
	"strconv"
	"strings"
)

// Address is where a function is on this machine: its domain and bus, and its slot.
type Address struct {
	Domain uint16
	Bus    uint8
	SlotFn
}

// ParseAddress reads "dddd:bb:ss.f" in hexadecimal.
func ParseAddress(text string) (Address, error) {
	bad := fmt.Errorf("PCI address %s should have the format DDDD:BB:SS.F", text)
	parts := strings.Split(text, ":")
	if len(parts) != 3 || !strings.Contains(parts[2], ".") {
		return Address{}, bad
	}
	domain, err := strconv.ParseUint(parts[0], 16, 16)
	if err != nil {
		return Address{}, bad
	}
	bus, err := strconv.ParseUint(parts[1], 16, 8)
	if err != nil {
		return Address{}, bad
	}
	slotFn, err := ParseSlotFn(parts[2])
	if err != nil {
		return Address{}, bad
	}
	return Address{Domain: uint16(domain), Bus: uint8(bus), SlotFn: slotFn}, nil
}

// String returns "dddd:bb:ss.f", which is also the name of the device in sysfs.
func (a Address) String() string {
	return fmt.Sprintf("%04x:%02x:%s", a.Domain, a.Bus, a.SlotFn)
}
