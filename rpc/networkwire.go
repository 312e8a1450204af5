// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"strings"

	"github.com/kata-containers/kata-agent/guest/network/netlink"
	"github.com/kata-containers/kata-agent/protocols"
)

// The network's messages and their plain forms.

func plainInterface(in *protocols.Interface) netlink.Interface {
	out := netlink.Interface{Name: in.Name, HWAddr: in.HwAddr, MTU: in.Mtu, Flags: in.RawFlags}
	for _, a := range in.IPAddresses {
		out.Addresses = append(out.Addresses, netlink.Address{Family: netlink.Family(a.Family), Address: a.Address, Mask: a.Mask})
	}
	return out
}

// wireText is a text of the kernel's for a message: a name may be any bytes, and a message with
// a string that is no UTF-8 cannot be decoded at all.
func wireText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func wireInterfaces(in []netlink.Interface) *protocols.Interfaces {
	out := &protocols.Interfaces{}
	for _, i := range in {
		w := &protocols.Interface{Name: wireText(i.Name), HwAddr: i.HWAddr, Mtu: i.MTU, RawFlags: i.Flags}
		for _, a := range i.Addresses {
			w.IPAddresses = append(w.IPAddresses, &protocols.IPAddress{
				Family: protocols.IPFamily(a.Family), Address: a.Address, Mask: a.Mask,
			})
		}
		out.Interfaces = append(out.Interfaces, w)
	}
	return out
}

func plainRoutes(in []*protocols.Route) []netlink.Route {
	out := make([]netlink.Route, 0, len(in))
	for _, r := range in {
		out = append(out, netlink.Route{
			Dest: r.Dest, Gateway: r.Gateway, Device: r.Device, Source: r.Source, Scope: r.Scope,
			Family: netlink.Family(r.Family), Flags: r.Flags, MTU: r.Mtu,
		})
	}
	return out
}

func wireRoutes(in []netlink.Route) *protocols.Routes {
	out := &protocols.Routes{}
	for _, r := range in {
		out.Routes = append(out.Routes, &protocols.Route{
			Dest: r.Dest, Gateway: r.Gateway, Device: wireText(r.Device), Source: r.Source, Scope: r.Scope,
			Family: protocols.IPFamily(r.Family), Flags: r.Flags, Mtu: r.MTU,
		})
	}
	return out
}

func plainNeighbors(in []*protocols.ARPNeighbor) []netlink.Neighbor {
	out := make([]netlink.Neighbor, 0, len(in))
	for _, n := range in {
		out = append(out, netlink.Neighbor{
			Address: n.ToIPAddress.GetAddress(), Device: n.Device, LLAddr: n.Lladdr, State: n.State, Flags: n.Flags,
		})
	}
	return out
}
