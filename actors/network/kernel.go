// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"

	"github.com/kata-containers/kata-agent/guest/network/iptables"
	"github.com/kata-containers/kata-agent/guest/network/netlink"
)

// Guest is the Kernel of the network namespace that the agent is in. Each change opens
// sockets of its own, so that an idle agent holds none.
type Guest struct {
	Proc string      // mount point of proc
	Warn func(error) // told of what is not worth an error
}

// UpdateInterface implements [Kernel]. A NIC that was plugged in gets the MAC address that
// the host knows it by, if it has come with another one.
func (g Guest) UpdateInterface(want netlink.Interface, plugged string) error {
	return g.with(func(h *netlink.Handle) error {
		if plugged != "" && len(want.HWAddr) > 0 {
			if err := h.MatchMAC(plugged, want.HWAddr); err != nil {
				g.Warn(err)
			}
		}
		return h.UpdateInterface(want)
	})
}

// UpdateRoutes implements [Kernel].
func (g Guest) UpdateRoutes(want []netlink.Route) (now []netlink.Route, err error) {
	err = g.with(func(h *netlink.Handle) error {
		if err := h.UpdateRoutes(want); err != nil {
			return err
		}
		now, err = h.ListRoutes()
		return err
	})
	return now, err
}

// AddNeighbors implements [Kernel].
func (g Guest) AddNeighbors(add []netlink.Neighbor) error {
	return g.with(func(h *netlink.Handle) error { return h.AddARPNeighbors(add) })
}

// SetIPTables implements [Kernel].
func (g Guest) SetIPTables(ctx context.Context, family iptables.Family, rules []byte) ([]byte, error) {
	return iptables.New().Set(ctx, family, rules)
}

func (g Guest) with(change func(*netlink.Handle) error) error {
	h, err := netlink.New(g.Proc)
	if err != nil {
		return err
	}
	defer h.Close()
	return change(h)
}
