// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/guest/sys/undo"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddARPNeighbors adds entries to the neighbour tables, IPv4 and IPv6, and replaces those
// of the same address. It stops at the first failure, and takes back what it has changed.
func (h *Handle) AddARPNeighbors(neighbors []Neighbor) error {
	links, err := h.links()
	if err != nil {
		return err
	}
	before, err := consistent(func() ([]vnl.Neigh, error) { return h.nl.NeighList(0, vnl.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("list neighbours: %w", err)
	}
	var taken undo.List
	for _, n := range neighbors {
		parsed, err := neighborOn(n, links)
		if err == nil {
			err = h.nl.NeighSet(parsed)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("add ARP neighbor %s on %s: %w", n.Address, n.Device, err), taken.Run())
		}
		taken.Add(func() error { return h.forget(parsed, before) })
	}
	return nil
}

// forget removes an entry that was added, or puts the one back that it has replaced.
func (h *Handle) forget(added *vnl.Neigh, before []vnl.Neigh) error {
	for _, old := range before {
		if old.LinkIndex == added.LinkIndex && old.IP.Equal(added.IP) {
			return h.nl.NeighSet(&old)
		}
	}
	return h.nl.NeighDel(added)
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
