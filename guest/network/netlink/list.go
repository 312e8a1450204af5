// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

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
	byLink := map[int][]Address{}
	for _, a := range addrs {
		length, _ := a.Mask.Size()
		byLink[a.LinkIndex] = append(byLink[a.LinkIndex], Address{
			Family: familyOf(a.IP), Address: a.IP.String(), Mask: strconv.Itoa(length),
		})
	}
	list := make([]Interface, 0, len(links))
	for _, l := range links {
		attrs := l.Attrs()
		list = append(list, Interface{
			Name: attrs.Name, HWAddr: formatHWAddr(attrs), MTU: uint64(attrs.MTU),
			Addresses: byLink[attrs.Index],
		})
	}
	return list, nil
}

// formatHWAddr prints a MAC address in upper case. The hardware address of a tunnel is the IP address
// of its local end. The library gives nil for an address of zeros, such as that of the loopback.
func formatHWAddr(attrs *vnl.LinkAttrs) string {
	hw := attrs.HardwareAddr
	if hw == nil && (attrs.EncapType == "loopback" || attrs.EncapType == "ether") {
		hw = make(net.HardwareAddr, 6)
	}
	switch len(hw) {
	case 6:
		return strings.ToUpper(hw.String())
	case net.IPv4len, net.IPv6len:
		return net.IP(hw).String()
	}
	return ""
}

// familyOf goes by the length, so that a mapped address stays what it is.
func familyOf(ip net.IP) Family {
	if len(ip) == net.IPv6len && ip.To4() == nil {
		return IPv6
	}
	return IPv4
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
				list = append(list, formatRoute(r, names)...)
			}
		}
	}
	return list, nil
}

func formatRoute(r vnl.Route, names map[int]string) []Route {
	base := Route{Dest: "0.0.0.0/0", Scope: uint32(r.Scope), MTU: uint32(r.MTU)}
	if r.Family == vnl.FAMILY_V6 {
		base.Family, base.Dest = IPv6, "::/0"
	}
	if r.Dst != nil {
		base.Dest = r.Dst.String()
	}
	if r.Src != nil {
		base.Source = r.Src.String()
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
		r.Gateway = gw.String()
	} else if v, ok := via.(*vnl.Via); ok {
		if ip, ok := netip.AddrFromSlice(v.Addr); ok {
			r.Gateway = ip.String()
		}
	}
	r.Device = names[link]
	r.Flags = uint32(flags)
	return r
}
