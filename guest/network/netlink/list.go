// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net"
	"net/netip"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ListInterfaces lists every link, the loopback too, in the kernel's order.
func (h *Handle) ListInterfaces() ([]Interface, error) {
	links, err := h.links()
	if err != nil {
		return nil, err
	}
	addrs, err := consistent(func() ([]vnl.Addr, error) { return h.nl.AddrList(nil, vnl.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	byLink := map[int][]netip.Prefix{}
	for _, a := range addrs {
		byLink[a.LinkIndex] = append(byLink[a.LinkIndex], prefixOf(a.IPNet))
	}
	list := make([]Interface, 0, len(links))
	for _, l := range links {
		attrs := l.Attrs()
		list = append(list, Interface{
			Name: attrs.Name, HWAddr: hwAddr(attrs), MTU: uint64(attrs.MTU),
			Addresses: byLink[attrs.Index],
		})
	}
	return list, nil
}

// hwAddr is the hardware address of a link; that of a tunnel is the IP address of its local end. The
// library gives nil for an address of zeros, such as that of the loopback.
func hwAddr(attrs *vnl.LinkAttrs) net.HardwareAddr {
	hw := attrs.HardwareAddr
	if hw == nil && (attrs.EncapType == "loopback" || attrs.EncapType == "ether") {
		hw = make(net.HardwareAddr, 6)
	}
	return hw
}

// ListRoutes lists the unicast routes of the main table, IPv4 first. A route with several
// next hops is listed once for each. What it lists can be given to
// [Handle.UpdateRoutes].
func (h *Handle) ListRoutes() ([]Route, error) {
	links, err := h.links()
	if err != nil {
		return nil, err
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var list []Route
	for _, family := range []int{vnl.FAMILY_V4, vnl.FAMILY_V6} {
		routes, err := consistent(func() ([]vnl.Route, error) { return h.nl.RouteList(nil, family) })
		if err != nil {
			return nil, fmt.Errorf("list routes: %w", err)
		}
		for _, r := range routes {
			if r.Type == unix.RTN_UNICAST {
				list = append(list, hops(r, names)...)
			}
		}
	}
	return list, nil
}

func hops(r vnl.Route, names map[int]string) []Route {
	base := Route{
		Dest: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Source: addrOf(r.Src),
		Scope: uint32(r.Scope), MTU: uint32(r.MTU),
	}
	if r.Family == vnl.FAMILY_V6 {
		base.Dest = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	if r.Dst != nil {
		base.Dest = prefixOf(r.Dst)
	}
	if len(r.MultiPath) == 0 {
		return []Route{nextHop(base, r.Gw, r.Via, r.LinkIndex, r.Flags, names)}
	}
	routes := make([]Route, 0, len(r.MultiPath))
	for _, hop := range r.MultiPath {
		routes = append(routes, nextHop(base, hop.Gw, hop.Via, hop.LinkIndex, hop.Flags, names))
	}
	return routes
}

func nextHop(r Route, gw net.IP, via vnl.Destination, link, flags int, names map[int]string) Route {
	if gw != nil {
		r.Gateway = addrOf(gw)
	} else if v, ok := via.(*vnl.Via); ok {
		r.Gateway = addrOf(v.Addr)
	}
	r.Device = names[link]
	r.Flags = uint32(flags)
	return r
}
