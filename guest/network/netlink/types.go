// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net"
	"net/netip"
)

// Interface is a link as the host describes it.
type Interface struct {
	Name string
	// HWAddr is the MAC address. In listings a tunnel has the IP address of its end, and some
	// links have none.
	HWAddr    net.HardwareAddr
	MTU       uint64 // 0 in a request: leave it alone
	Addresses []netip.Prefix
	// Flags are interface flags; in requests only IFF_NOARP (0x80) counts.
	Flags uint32
}

// Route is an entry of the main table. Scope and Flags are the kernel's RT_SCOPE_ and
// RTNH_F_ numbers.
type Route struct {
	// Dest tells the family too. The default routes are 0.0.0.0/0 and ::/0.
	Dest    netip.Prefix
	Gateway netip.Addr // zero: none
	Device  string
	Source  netip.Addr // preferred source address; zero: none
	Scope   uint32
	Flags   uint32
	MTU     uint32
}

// Neighbor is an entry of the neighbour table. State 0 is a permanent entry, else the
// kernel's NUD_ number; Flags are its NTF_ numbers.
type Neighbor struct {
	Address netip.Addr
	Device  string
	LLAddr  net.HardwareAddr
	State   int32
	Flags   int32
}

// LinkNotFoundError says that no link has the MAC address or the name asked for. Hosts
// look for the words "Link not found" and try again: the interface may be on its way.
type LinkNotFoundError struct {
	HWAddr net.HardwareAddr
}

func (e *LinkNotFoundError) Error() string {
	return fmt.Sprintf("Link not found (Address: %s)", e.HWAddr)
}
