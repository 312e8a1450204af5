// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/network/iptables"
	"github.com/kata-containers/kata-agent/guest/network/netlink"
)

// Kernel makes the changes. Its methods block, and leave everything as it was when they
// fail, as far as the kernel lets them.
type Kernel interface {
	UpdateInterface(want netlink.Interface, plugged string) error
	UpdateRoutes(want []netlink.Route) ([]netlink.Route, error)
	AddNeighbors(add []netlink.Neighbor) error
	SetIPTables(ctx context.Context, family iptables.Family, rules []byte) ([]byte, error)
}

// UpdateInterface gives a link its name, addresses, MTU and ARP flag; see
// [netlink.Handle.UpdateInterface].
type UpdateInterface struct {
	core.Call[struct{}]
	Want netlink.Interface
	// Plugged is the name that the kernel has given to the NIC that was waited for, "" if
	// the host named none by its place.
	Plugged string
}

// UpdateRoutes replaces the routes of the main table and is answered with the table as it
// is then; see [netlink.Handle.UpdateRoutes].
type UpdateRoutes struct {
	core.Call[[]netlink.Route]
	Want []netlink.Route
}

// AddNeighbors adds entries to the neighbour table.
type AddNeighbors struct {
	core.Call[struct{}]
	Add []netlink.Neighbor
}

// SetIPTables replaces the packet filter of a family with rules in the form of
// iptables-save. The answer is what the program has written.
type SetIPTables struct {
	core.Call[[]byte]
	Family iptables.Family
	Rules  []byte
}
