// SPDX-License-Identifier: Apache-2.0

package pci

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Highest numbers of a slot and of a function, PCI Local Bus Specification 3.0, 3.2.2.3.
const (
	maxSlot     = 0x1f
	maxFunction = 7
)

// firstExpander is the lowest bus number the host gives to a PCI expander bridge, which
// the guest sees as a root complex of its own. It is above every slot number, so the two
// cannot be taken for each other.
const firstExpander = 0x20

var errEmptyPath = errors.New("PCI path must have at least one element")

// SlotFn is a slot on a bus and a function of the device in it.
type SlotFn struct {
	Slot     uint8 // 0 to 0x1f
	Function uint8 // 0 to 7
}

// ParseSlotFn reads "ss" or "ss.f" in hexadecimal.
func ParseSlotFn(text string) (SlotFn, error) {
	slotText, fnText, hasFn := strings.Cut(text, ".")
	slot, err := strconv.ParseUint(slotText, 16, 8)
	if err != nil || hasFn && fnText == "" {
		return SlotFn{}, fmt.Errorf("PCI slot/function %s should have the format SS.F", text)
	}
	if slot > maxSlot {
		return SlotFn{}, fmt.Errorf("PCI slot %d should be in range [0..0x1f]", slot)
	}
	var fn uint64
	if hasFn {
		if fn, err = strconv.ParseUint(fnText, 16, 8); err != nil {
			return SlotFn{}, fmt.Errorf("PCI slot/function %s should have the format SS.F", text)
		}
	}
	if fn > maxFunction {
		return SlotFn{}, fmt.Errorf("PCI function %d should be in range [0..7]", fn)
	}
	return SlotFn{Slot: uint8(slot), Function: uint8(fn)}, nil
}

// String returns "ss.f".
func (s SlotFn) String() string { return fmt.Sprintf("%02x.%x", s.Slot, s.Function) }

// Path leads from a root complex to a device: the last element is the device, the others
// are the bridges above it.
type Path struct {
	// Root is the bus number of the root complex, 0 but below an expander bridge.
	Root     uint8
	Elements []SlotFn
}

// ParsePath reads elements separated by "/". A first one of 0x20 or more with at least two
// behind it is the bus number of an expander bridge.
func ParsePath(text string) (Path, error) {
	if text == "" {
		return Path{}, fmt.Errorf("parse PCI path '': %w", errEmptyPath)
	}
	parts := strings.Split(text, "/")
	var p Path
	if len(parts) >= 3 {
		if root, err := strconv.ParseUint(parts[0], 16, 8); err == nil && root >= firstExpander {
			p.Root = uint8(root)
			parts = parts[1:]
		}
	}
	for _, part := range parts {
		element, err := ParseSlotFn(part)
		if err != nil {
			return Path{}, fmt.Errorf("parse PCI path '%s': %w", text, err)
		}
		p.Elements = append(p.Elements, element)
	}
	return p, nil
}

// PathOfSlots makes a path of slot numbers, all with function 0, on root complex 0.
func PathOfSlots(slots []uint32) (Path, error) {
	var p Path
	for _, slot := range slots {
		if slot > maxSlot {
			return Path{}, fmt.Errorf("PCI slot %d should be in range [0..0x1f]", slot)
		}
		p.Elements = append(p.Elements, SlotFn{Slot: uint8(slot)})
	}
	if len(p.Elements) == 0 {
		return Path{}, errEmptyPath
	}
	return p, nil
}

// String returns the elements with their functions, "02.0/03.0", behind the bus number of
// an expander bridge if there is one.
func (p Path) String() string {
	var b strings.Builder
	if p.Root != 0 {
		fmt.Fprintf(&b, "%02x/", p.Root)
	}
	for i, element := range p.Elements {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(element.String())
	}
	return b.String()
}

// Below tells whether devPath, a directory below sysfs, is the device's or below it, and
// returns the elements behind the device's own. It needs no look at sysfs: what is in a
// bridge's directory is on the bridge's bus, so the slots say it all.
func (p Path) Below(devPath string) (rest []string, ok bool) {
	root := fmt.Sprintf("pci0000:%02x", p.Root)
	_, below, found := strings.Cut(devPath, "/"+root+"/")
	if !found || len(p.Elements) == 0 {
		return nil, false
	}
	names := strings.Split(below, "/")
	if len(names) < len(p.Elements) {
		return nil, false
	}
	for i, element := range p.Elements {
		address, err := ParseAddress(names[i])
		if err != nil || address.SlotFn != element {
			return nil, false
		}
	}
	return names[len(p.Elements):], true
}
