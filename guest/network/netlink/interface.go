// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"bytes"
	"fmt"
	"math"
	"net"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// change is a checked request.
type change struct {
	name  string
	mac   net.HardwareAddr
	addrs []vnl.Addr
	mtu   int
	noARP bool
}

// UpdateInterface gives a link its name, addresses, MTU and ARP flag and brings it up.
// The link is the one with the MAC address HWAddr, else the one called Name, which then
// gets that MAC address. When there is neither the error is a [LinkNotFoundError].
//
// The addresses replace those that were set before, if the request has any; addresses
// that the kernel made itself (link-local, from router advertisements) stay. IPv6
// addresses are passed over in a guest without IPv6, and on a link for which it is switched
// off. The loopback can neither be renamed nor get another MAC address. A link that has the name already is
// renamed to what the first one was called.
func (h *Handle) UpdateInterface(want Interface) error {
	c, err := h.check(want)
	if err != nil {
		return err
	}
	links, err := h.links()
	if err != nil {
		return err
	}
	link := findByMAC(links, c.mac, c.name)
	newMAC := link == nil
	if newMAC {
		link = findByName(links, c.name)
	}
	if link == nil {
		return &LinkNotFoundError{HWAddr: c.mac}
	}
	if c.name == "" {
		c.name = link.Attrs().Name
	}
	newMAC = newMAC && !(isLoopback(link) && isZero(c.mac)) // what a loopback has, not listed
	if err := keepLoopback(link, links, c, newMAC); err != nil {
		return err
	}
	u := &update{h: h, link: link, links: links, want: c, newMAC: newMAC}
	return u.applyOrUndo()
}

// applyOrUndo takes a change back that fails, or panics, half-way.
func (u *update) applyOrUndo() (err error) {
	applied := false
	defer func() {
		if applied {
			return
		}
		if undoErr := u.undo.Run(); undoErr != nil && err != nil {
			err = fmt.Errorf("%w (and taking it back: %w)", err, undoErr)
		}
	}()
	err = u.apply()
	applied = err == nil
	return err
}

// keepLoopback refuses what would take the loopback's name or MAC address from it: programs
// count on both.
func keepLoopback(link vnl.Link, links []vnl.Link, want change, newMAC bool) error {
	switch name := link.Attrs().Name; {
	case isLoopback(link) && (newMAC || name != want.name):
		return fmt.Errorf("the loopback %s keeps its name and its MAC address (requested: %s, %s)", name, want.name, want.mac)
	case !isLoopback(link) && name != want.name && isLoopback(findByName(links, want.name)):
		return fmt.Errorf("%s cannot be renamed to %s, which is the loopback", name, want.name)
	}
	return nil
}

func isLoopback(l vnl.Link) bool { return l != nil && l.Attrs().Flags&net.FlagLoopback != 0 }

func isZero(mac net.HardwareAddr) bool { return bytes.Equal(mac, make([]byte, len(mac))) }

func (h *Handle) check(want Interface) (change, error) {
	if len(want.HWAddr) != 6 {
		return change{}, fmt.Errorf("MAC address %q is not of six bytes", want.HWAddr)
	}
	if want.MTU > math.MaxInt32 {
		return change{}, fmt.Errorf("MTU %d is out of range", want.MTU)
	}
	if len(want.Name) >= unix.IFNAMSIZ {
		return change{}, fmt.Errorf("interface name %q is too long", want.Name)
	}
	c := change{
		name: want.Name, mac: want.HWAddr, mtu: int(want.MTU),
		noARP: want.Flags&unix.IFF_NOARP != 0,
	}
	for _, a := range want.Addresses {
		addr, err := linkAddress(a)
		if err != nil {
			return change{}, err
		}
		c.addrs = append(c.addrs, addr)
	}
	return c, nil
}

// findByMAC prefers the link that has the wanted name too: a bridge or a VLAN shares the
// MAC address of the link below it.
func findByMAC(links []vnl.Link, mac net.HardwareAddr, name string) vnl.Link {
	var found vnl.Link
	for _, l := range links {
		if !bytes.Equal(l.Attrs().HardwareAddr, mac) {
			continue
		}
		if l.Attrs().Name == name {
			return l
		}
		if found == nil {
			found = l
		}
	}
	return found
}
