// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"net"
	"net/netip"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// linkAddress returns what the kernel is to be given. IPv6 addresses come without
// duplicate address detection: the host has chosen them, and a container must be able to
// bind them at once.
func linkAddress(p netip.Prefix) (vnl.Addr, error) {
	if !p.IsValid() {
		return vnl.Addr{}, errors.New("invalid address of a link")
	}
	addr := vnl.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	return addr, nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefixOf is the reverse of ipNet. The mask tells the family: the library's 0.0.0.0/0 has an
// address of 16 bytes.
func prefixOf(n *net.IPNet) netip.Prefix {
	length, bits := n.Mask.Size()
	addr := addrOf(n.IP)
	if bits == 8*net.IPv4len {
		addr = addr.Unmap()
	}
	return netip.PrefixFrom(addr, length)
}

// addrOf goes by the length, so that a mapped address stays what it is.
func addrOf(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr
}
