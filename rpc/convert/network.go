// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/network/netlink"
	"github.com/kata-containers/kata-agent/protocols"
)

// Interface converts what a host wants of a link.
func Interface(in *protocols.Interface) (netlink.Interface, error) {
	out := netlink.Interface{Name: in.Name, MTU: in.Mtu, Flags: in.RawFlags}
	var err error
	if out.HWAddr, err = mac(in.HwAddr); err != nil {
		return out, err
	}
	out.Addresses, err = tryList(in.IPAddresses, address)
	return out, err
}

// mac takes six hexadecimal groups separated by colons, in either case.
func mac(text string) (net.HardwareAddr, error) {
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != 6 || strings.Count(text, ":") != 5 {
		return nil, refuse("Failed to parse MAC address: %q", text) // known text
	}
	return hw, nil
}

// address takes an IP address and, as its mask, the length of its prefix. The family of an address
// is seen from its text.
func address(in *protocols.IPAddress) (netip.Prefix, error) {
	ip, err := netip.ParseAddr(in.Address)
	if err != nil {
		return netip.Prefix{}, refuse("parse address: %v", err)
	}
	ip = ip.Unmap().WithZone("")
	length, err := strconv.ParseUint(in.Mask, 10, 8)
	if err != nil || int(length) > ip.BitLen() {
		return netip.Prefix{}, refuse("parse address %s: prefix length %q is not a number up to %d", ip, in.Mask, ip.BitLen())
	}
	return netip.PrefixFrom(ip, int(length)), nil
}

// WireInterfaces makes the message of a listing.
func WireInterfaces(in []netlink.Interface) *protocols.Interfaces {
	out := &protocols.Interfaces{}
	for _, i := range in {
		w := &protocols.Interface{Name: WireText(i.Name), HwAddr: wireHWAddr(i.HWAddr), Mtu: i.MTU, RawFlags: i.Flags}
		for _, a := range i.Addresses {
			w.IPAddresses = append(w.IPAddresses, &protocols.IPAddress{
				Family: wireFamily(a.Addr().Unmap()), Address: a.Addr().Unmap().String(), Mask: strconv.Itoa(a.Bits()),
			})
		}
		out.Interfaces = append(out.Interfaces, w)
	}
	return out
}

// WireText is a text of the kernel's for a message: a name may be any bytes, and a message with
// a string that is no UTF-8 cannot be decoded at all.
func WireText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// wireHWAddr prints a MAC address in upper case. A tunnel has the IP address of its end instead.
func wireHWAddr(hw net.HardwareAddr) string {
	switch len(hw) {
	case 6:
		return strings.ToUpper(hw.String())
	case net.IPv4len, net.IPv6len:
		return net.IP(hw).String()
	}
	return ""
}

func wireFamily(ip netip.Addr) protocols.IPFamily {
	if ip.Is6() {
		return protocols.IPFamily_v6
	}
	return protocols.IPFamily_v4
}

// Routes converts routes to be added. A destination is "address/length", a bare address, or "" and
// "default" for the default route of the family.
func Routes(in []*protocols.Route) ([]netlink.Route, error) {
	return tryList(in, func(r *protocols.Route) (netlink.Route, error) {
		out, err := route(r)
		if err != nil {
			err = refuse("add %s: %v", describe(r), err)
		}
		return out, err
	})
}

func route(r *protocols.Route) (out netlink.Route, err error) {
	out = netlink.Route{Device: r.Device, Scope: r.Scope, Flags: r.Flags, MTU: r.Mtu}
	if out.Dest, err = destination(r.Dest, r.Family); err != nil {
		return out, fmt.Errorf("parse destination: %w", err)
	}
	if r.Gateway != "" {
		gateway, err := prefix(r.Gateway, r.Family)
		if err != nil {
			return out, fmt.Errorf("parse gateway: %w", err)
		}
		out.Gateway = gateway.Addr()
	}
	if r.Source != "" {
		if out.Source, err = source(r.Source, r.Family); err != nil {
			return out, fmt.Errorf("parse source: %w", err)
		}
	}
	return out, nil
}

func destination(text string, family protocols.IPFamily) (netip.Prefix, error) {
	switch {
	case text != "" && text != "default":
		return prefix(text, family)
	case family == protocols.IPFamily_v6:
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
}

// prefix takes a bare address for one with its full length.
func prefix(text string, family protocols.IPFamily) (p netip.Prefix, err error) {
	if strings.Contains(text, "/") {
		p, err = netip.ParsePrefix(text)
	} else {
		var ip netip.Addr
		if ip, err = netip.ParseAddr(text); err == nil {
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
	}
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is6() != (family == protocols.IPFamily_v6) {
		return netip.Prefix{}, fmt.Errorf("%s is not an %s address", text, familyName(family))
	}
	return p, nil
}

// source returns the preferred source address. A source that is a network asks for a route by
// source, which IPv4 does not have: the kernel ignores it there.
func source(text string, family protocols.IPFamily) (netip.Addr, error) {
	p, err := prefix(text, family)
	switch {
	case err != nil:
		return netip.Addr{}, err
	case p.Bits() == 0 || p.IsSingleIP() || p != p.Masked():
		return p.Addr(), nil
	case family != protocols.IPFamily_v6:
		return netip.Addr{}, nil
	}
	return netip.Addr{}, fmt.Errorf("routes from the network %s are not supported", text)
}

func familyName(f protocols.IPFamily) string {
	if f == protocols.IPFamily_v6 {
		return "IPv6"
	}
	return "IPv4"
}

func describe(r *protocols.Route) string {
	dest := r.Dest
	if dest == "" {
		dest = "default"
	}
	text := fmt.Sprintf("%s route to %s on %s", familyName(r.Family), dest, r.Device)
	if r.Gateway != "" {
		text += " by " + r.Gateway
	}
	if r.Source != "" {
		text += " from " + r.Source
	}
	return text
}

// WireRoutes makes the message of a listing, which [Routes] takes.
func WireRoutes(in []netlink.Route) *protocols.Routes {
	out := &protocols.Routes{}
	for _, r := range in {
		out.Routes = append(out.Routes, &protocols.Route{
			Dest: r.Dest.String(), Gateway: wireAddr(r.Gateway), Device: WireText(r.Device), Source: wireAddr(r.Source),
			Scope: r.Scope, Family: wireFamily(r.Dest.Addr()), Flags: r.Flags, Mtu: r.MTU,
		})
	}
	return out
}

// wireAddr is "" for none.
func wireAddr(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// Neighbors converts entries of the neighbour tables.
func Neighbors(in []*protocols.ARPNeighbor) ([]netlink.Neighbor, error) {
	return tryList(in, func(n *protocols.ARPNeighbor) (netlink.Neighbor, error) {
		out, err := neighbor(n)
		if err != nil {
			err = refuse("add ARP neighbor %s on %s: %v", n.ToIPAddress.GetAddress(), n.Device, err)
		}
		return out, err
	})
}

func neighbor(n *protocols.ARPNeighbor) (out netlink.Neighbor, err error) {
	out = netlink.Neighbor{Device: n.Device, State: n.State, Flags: n.Flags}
	text := n.ToIPAddress.GetAddress()
	if text == "" {
		return out, refuse("Unable to determine ip address of ARP neighbor") // the words that clients know
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return out, err
	}
	out.Address = ip.Unmap()
	if n.Lladdr != "" {
		out.LLAddr, err = net.ParseMAC(n.Lladdr)
	}
	return out, err
}
