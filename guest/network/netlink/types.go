// SPDX-License-Identifier: Apache-2.0

package netlink

import "fmt"

// Family is an address family, with the numbers the host uses.
type Family int

// The families.
const (
	IPv4 Family = 0
	IPv6 Family = 1
)

// String returns "IPv4" or "IPv6".
func (f Family) String() string {
	if f == IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// Address is an IP address on a link. Mask is the prefix length in decimal. Family is
// filled in listings; in requests the text of Address decides.
type Address struct {
	Family  Family
	Address string
	Mask    string
}

// Interface is a link as the host describes it.
type Interface struct {
	Name      string
	HWAddr    string
	MTU       uint64 // 0 in a request: leave it alone
	Addresses []Address
	// Flags are interface flags; in requests only IFF_NOARP (0x80) counts.
	Flags uint32
}

// Route is an entry of the main table. Scope and Flags are the kernel's RT_SCOPE_ and
// RTNH_F_ numbers.
type Route struct {
	// Dest is "address/length". In requests "" and "default" are the default route,
	// which listings give as "0.0.0.0/0" or "::/0".
	Dest    string
	Gateway string
	Device  string
	Source  string // preferred source address
	Scope   uint32
	Family  Family
	Flags   uint32
	MTU     uint32
}

// Neighbor is an entry of the neighbour table. State 0 is a permanent entry, else the
// kernel's NUD_ number; Flags are its NTF_ numbers.
type Neighbor struct {
	Address string
	Device  string
	LLAddr  string
	State   int32
	Flags   int32
}

// LinkNotFoundError says that no link has the MAC address or the name asked for. Hosts
// look for the words "Link not found" and try again: the interface may be on its way.
type LinkNotFoundError struct {
	HWAddr string
}

func (e *LinkNotFoundError) Error() string {
	return fmt.Sprintf("Link not found (Address: %s)", e.HWAddr)
}
