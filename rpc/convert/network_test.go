// SPDX-License-Identifier: Apache-2.0

package convert_test

import (
	"net"
	"net/netip"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/kata-containers/kata-agent/guest/network/netlink"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
)

// TestListingWithANameThatIsNoText can be decoded: the kernel takes any bytes as a name.
func TestListingWithANameThatIsNoText(t *testing.T) {
	const name, want = "eth\xff0", "eth\uFFFD0"
	if got := convert.WireInterfaces([]netlink.Interface{{Name: name}}).Interfaces[0].Name; got != want || !utf8.ValidString(got) {
		t.Errorf("interface %q, want %q", got, want)
	}
	if got := convert.WireRoutes([]netlink.Route{{Device: name, Dest: netip.MustParsePrefix("::/0")}}).Routes[0].Device; got != want {
		t.Errorf("route on %q, want %q", got, want)
	}
}

func TestInterface(t *testing.T) {
	got, err := convert.Interface(&protocols.Interface{
		Name: "eth0", HwAddr: "02:00:00:00:00:0A", Mtu: 1400, RawFlags: 0x80, DevicePath: "02/01",
		IPAddresses: []*protocols.IPAddress{
			{Address: "10.1.0.2", Mask: "24"},
			{Address: "fe80::1%eth0", Mask: "64"}, // the family is not sent by all
			{Family: protocols.IPFamily_v6, Address: "::ffff:10.1.0.3", Mask: "32"},
		},
	})
	want := netlink.Interface{
		Name: "eth0", HWAddr: net.HardwareAddr{2, 0, 0, 0, 0, 10}, MTU: 1400, Flags: 0x80,
		Addresses: []netip.Prefix{
			netip.MustParsePrefix("10.1.0.2/24"), netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("10.1.0.3/32"),
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestInterfaceRefuses(t *testing.T) {
	const mac = "02:00:00:00:00:0a"
	with := func(address, mask string) *protocols.Interface {
		return &protocols.Interface{Name: "eth0", HwAddr: mac, IPAddresses: []*protocols.IPAddress{{Address: address, Mask: mask}}}
	}
	for name, c := range map[string]struct {
		in   *protocols.Interface
		want string
	}{
		"no MAC":      {&protocols.Interface{Name: "eth0"}, `Failed to parse MAC address: ""`},
		"short MAC":   {&protocols.Interface{HwAddr: "02:00"}, `Failed to parse MAC address: "02:00"`},
		"dashes":      {&protocols.Interface{HwAddr: "02-00-00-00-00-0a"}, `Failed to parse MAC address: "02-00-00-00-00-0a"`},
		"eight bytes": {&protocols.Interface{HwAddr: mac + ":0b:0c"}, `Failed to parse MAC address: "02:00:00:00:00:0a:0b:0c"`},
		"address":     {with("10.1.0", "24"), `parse address: ParseAddr("10.1.0"): IPv4 address too short`},
		"mask":        {with("10.1.0.1", "33"), `parse address 10.1.0.1: prefix length "33" is not a number up to 32`},
		"empty mask":  {with("10.1.0.1", ""), `parse address 10.1.0.1: prefix length "" is not a number up to 32`},
		"IPv6 mask":   {with("fd00::1", "129"), `parse address fd00::1: prefix length "129" is not a number up to 128`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := convert.Interface(c.in)
			refused(t, err, c.want)
		})
	}
}

// TestWireInterfaces gives MAC addresses in upper case and mapped addresses as those of IPv4.
func TestWireInterfaces(t *testing.T) {
	prefix := netip.MustParsePrefix
	got := convert.WireInterfaces([]netlink.Interface{{
		Name: "eth0", MTU: 1500, Addresses: []netip.Prefix{prefix("10.1.0.2/24"), prefix("fd00::2/64"), prefix("::ffff:10.1.0.3/128")},
	}}).Interfaces[0]
	want := []*protocols.IPAddress{
		{Address: "10.1.0.2", Mask: "24"}, {Family: protocols.IPFamily_v6, Address: "fd00::2", Mask: "64"}, {Address: "10.1.0.3", Mask: "128"},
	}
	if got.Name != "eth0" || got.Mtu != 1500 || len(got.IPAddresses) != len(want) {
		t.Fatalf("got %v, want the addresses %v", got, want)
	}
	for i, a := range got.IPAddresses {
		if a.Family != want[i].Family || a.Address != want[i].Address || a.Mask != want[i].Mask {
			t.Errorf("got %v, want %v", a, want[i])
		}
	}
	for want, hw := range map[string]net.HardwareAddr{
		"0A:0B:0C:0D:0E:0F": {10, 11, 12, 13, 14, 15}, "10.0.0.1": {10, 0, 0, 1}, "": {1, 2, 3},
		"fd00::1": {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
	} {
		if got := convert.WireInterfaces([]netlink.Interface{{HWAddr: hw}}).Interfaces[0].HwAddr; got != want {
			t.Errorf("%v: got %q, want %q", hw, got, want)
		}
	}
}

// TestRoutes: what is listed is what was asked for, in its full form.
func TestRoutes(t *testing.T) {
	const v6 = protocols.IPFamily_v6
	for _, c := range []struct{ in, want *protocols.Route }{
		{
			&protocols.Route{Dest: "default", Gateway: "10.7.0.1", Device: "eth0", Source: "10.1.0.3", Mtu: 1300},
			&protocols.Route{Dest: "0.0.0.0/0", Gateway: "10.7.0.1", Device: "eth0", Source: "10.1.0.3", Mtu: 1300},
		},
		{
			&protocols.Route{Device: "eth0", Scope: 253, Flags: 4}, &protocols.Route{Dest: "0.0.0.0/0", Device: "eth0", Scope: 253, Flags: 4},
		},
		{
			&protocols.Route{Dest: "10.9.0.1", Gateway: "10.1.0.1", Source: "10.1.0.3/32"},
			&protocols.Route{Dest: "10.9.0.1/32", Gateway: "10.1.0.1", Source: "10.1.0.3"},
		},
		{&protocols.Route{Gateway: "fd01::1", Family: v6, Source: "fd01::3"}, &protocols.Route{Dest: "::/0", Gateway: "fd01::1", Family: v6, Source: "fd01::3"}},
		{&protocols.Route{Dest: "fd09::5/64", Family: v6}, &protocols.Route{Dest: "fd09::5/64", Family: v6}},
		{&protocols.Route{Dest: "10.10.0.0/16", Source: "10.0.0.0/8"}, &protocols.Route{Dest: "10.10.0.0/16"}}, // IPv4 has no routes by source
	} {
		parsed, err := convert.Routes([]*protocols.Route{c.in})
		if err != nil {
			t.Errorf("%v: want a route, got %v", c.in, err)
			continue
		}
		if got := convert.WireRoutes(parsed).Routes[0]; got.String() != c.want.String() {
			t.Errorf("%v:\ngot  %v\nwant %v", c.in, got, c.want)
		}
	}
}

func TestRoutesRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		in   *protocols.Route
		want string
	}{
		"destination": {
			&protocols.Route{Dest: "10.3.0/16", Device: "eth0"},
			`add IPv4 route to 10.3.0/16 on eth0: parse destination: netip.ParsePrefix("10.3.0/16"): ParseAddr("10.3.0"): IPv4 address too short`,
		},
		"length": {
			&protocols.Route{Dest: "10.3.0.0/99", Device: "eth0"},
			`add IPv4 route to 10.3.0.0/99 on eth0: parse destination: netip.ParsePrefix("10.3.0.0/99"): prefix length out of range`,
		},
		"family": {
			&protocols.Route{Dest: "fd00::/64", Device: "eth0"},
			"add IPv4 route to fd00::/64 on eth0: parse destination: fd00::/64 is not an IPv4 address",
		},
		"gateway": {
			&protocols.Route{Gateway: "x", Device: "eth0"},
			`add IPv4 route to default on eth0 by x: parse gateway: ParseAddr("x"): unable to parse IP`,
		},
		"gateway family": {
			&protocols.Route{Gateway: "fd00::1", Device: "eth0"},
			"add IPv4 route to default on eth0 by fd00::1: parse gateway: fd00::1 is not an IPv4 address",
		},
		"source": {
			&protocols.Route{Dest: "10.3.0.0/16", Source: "y", Device: "eth0"},
			`add IPv4 route to 10.3.0.0/16 on eth0 from y: parse source: ParseAddr("y"): unable to parse IP`,
		},
		"source network": {
			&protocols.Route{Dest: "fd05::/64", Source: "fd06::/64", Device: "eth0", Family: protocols.IPFamily_v6},
			"add IPv6 route to fd05::/64 on eth0 from fd06::/64: parse source: routes from the network fd06::/64 are not supported",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := convert.Routes([]*protocols.Route{{Dest: "10.2.0.0/16"}, c.in})
			refused(t, err, c.want)
		})
	}
}

func TestNeighbors(t *testing.T) {
	entry := func(address, lladdr string) *protocols.ARPNeighbor {
		return &protocols.ARPNeighbor{ToIPAddress: &protocols.IPAddress{Address: address}, Device: "eth0", Lladdr: lladdr, State: 4, Flags: 0x80}
	}
	got, err := convert.Neighbors([]*protocols.ARPNeighbor{entry("::ffff:10.1.0.7", "02:00:00:00:00:0b"), entry("fd01::7", "")})
	want := []netlink.Neighbor{
		{Address: netip.MustParseAddr("10.1.0.7"), Device: "eth0", LLAddr: net.HardwareAddr{2, 0, 0, 0, 0, 11}, State: 4, Flags: 0x80},
		{Address: netip.MustParseAddr("fd01::7"), Device: "eth0", State: 4, Flags: 0x80},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	for text, bad := range map[string]*protocols.ARPNeighbor{
		"add ARP neighbor  on eth0: Unable to determine ip address of ARP neighbor": {Device: "eth0"},
		`add ARP neighbor x on eth0: ParseAddr("x"): unable to parse IP`:            entry("x", ""),
		"add ARP neighbor 10.1.0.8 on eth0: address zz: invalid MAC address":        entry("10.1.0.8", "zz"),
	} {
		_, err := convert.Neighbors([]*protocols.ARPNeighbor{bad})
		refused(t, err, text)
	}
}
