// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddARPNeighbors adds entries to the neighbour tables, IPv4 and IPv6, and replaces those
// of the same address. It stops at the first failure; the entries before it stay.
func (h *Handle) AddARPNeighbors(neighbors []Neighbor) error {
	links, err := h.links()
	if err != nil {
		return err
	}
	for _, n := range neighbors {
		parsed, err := neighborOn(n, links)
		if err == nil {
			err = h.nl.NeighSet(parsed)
		}
		if err != nil {
			return fmt.Errorf("add ARP neighbor %s on %s: %w", n.Address, n.Device, err)
		}
	}
	return nil
}

func neighborOn(n Neighbor, links []vnl.Link) (*vnl.Neigh, error) {
	if !n.Address.IsValid() {
		return nil, errors.New("no address")
	}
	link := findByName(links, n.Device)
	if link == nil {
		return nil, fmt.Errorf("find device: %w", unix.ENODEV)
	}
	out := &vnl.Neigh{
		LinkIndex:    link.Attrs().Index,
		IP:           n.Address.AsSlice(),
		HardwareAddr: n.LLAddr,
		State:        int(uint16(n.State)),
		Flags:        int(uint8(n.Flags)),
	}
	if n.State == 0 {
		out.State = unix.NUD_PERMANENT
	}
	return out, nil
}
