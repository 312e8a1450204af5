// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// at is an address with the length of its prefix.
func at(addr, length string) netip.Prefix { return netip.MustParsePrefix(addr + "/" + length) }

func TestUpdateInterface(t *testing.T) {
	h := newNamespace(t)
	addLink(t, h, "d0", macA, false)
	err := h.UpdateInterface(Interface{
		Name: "eth0", HWAddr: hw(strings.ToUpper(macA)), MTU: 1400, Flags: unix.IFF_NOARP,
		Addresses: []netip.Prefix{at("10.1.0.2", "24"), at("fd00::2", "64")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := state{Up: true, NoARP: true, MTU: 1400, MAC: macA, Addrs: "10.1.0.2/24 fd00::2/64 "}
	if got := stateOf(t, h, "eth0"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	assertUsable(t, h, "eth0")

	// Again, with another MTU of 0, one address replaced by one in the same net, one kept.
	err = h.UpdateInterface(Interface{
		Name: "eth0", HWAddr: hw(macA), Addresses: []netip.Prefix{at("10.1.0.3", "24"), at("fd00::2", "64")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want = state{Up: true, MTU: 1400, MAC: macA, Addrs: "10.1.0.3/24 fd00::2/64 "}
	if got := stateOf(t, h, "eth0"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	// Without addresses: they stay, also those that a rename would lose.
	if err = h.UpdateInterface(Interface{Name: "eth1", HWAddr: hw(macA)}); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, h, "eth1"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// assertUsable fails when an IPv6 address is still being looked for on the wire.
func assertUsable(t *testing.T, h *Handle, name string) {
	t.Helper()
	link, err := h.nl.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := consistent(func() ([]vnl.Addr, error) { return h.nl.AddrList(link, vnl.FAMILY_V6) })
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if isOurs(a) && (a.Flags&unix.IFA_F_TENTATIVE != 0 || a.Flags&unix.IFA_F_NODAD == 0) {
			t.Errorf("%s has flags %#x", a.IPNet, a.Flags)
		}
	}
}

func TestUpdateInterfaceKeepsRoutesOfUpLink(t *testing.T) {
	h := newNamespace(t)
	addLink(t, h, "eth0", macA, false)
	request := Interface{Name: "eth0", HWAddr: hw(macA), Addresses: []netip.Prefix{at("10.1.0.2", "24"), at("fd00::2", "64")}}
	if err := h.UpdateInterface(request); err != nil {
		t.Fatal(err)
	}
	if err := h.UpdateRoutes([]Route{{Dest: default4, Gateway: ip("10.1.0.1"), Device: "eth0"}, {Dest: default6, Gateway: ip("fd00::1"), Device: "eth0"}}); err != nil {
		t.Fatal(err)
	}
	_, before, _ := everything(t, h)
	if err := h.UpdateInterface(request); err != nil {
		t.Fatal(err)
	}
	if _, after, _ := everything(t, h); !sameRoutes(before, after) {
		t.Errorf("routes before %+v\nafter %+v", before, after)
	}
}

func TestUpdateInterfaceWithoutIPv6(t *testing.T) {
	h := newNamespace(t)
	setIPv6(t, h.proc, "1")
	addLink(t, h, "eth0", macA, false)
	err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: hw(macA), Addresses: []netip.Prefix{at("fd00::2", "64"), at("10.1.0.2", "32")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, h, "eth0").Addrs; got != "10.1.0.2/32 " {
		t.Errorf("addresses %q", got)
	}
}

// TestUpdateInterfaceWithIPv6OffForTheLink: what the kernel has for the link counts, not what it has
// for all or for new ones. The kernel's own word is enough if it cannot be read.
func TestUpdateInterfaceWithIPv6OffForTheLink(t *testing.T) {
	for name, proc := range map[string]map[string]string{
		"link":            {"eth0": "1", "all": "0", "default": "0"},
		"kernel's answer": {"all": "0", "default": "0"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newNamespaceWith(t, func() {
				if name == "kernel's answer" {
					err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
					if err != nil {
						t.Errorf("switch IPv6 off: %v", err)
					}
				}
			})
			for which, off := range proc {
				setIPv6Of(t, h.proc, which, off)
			}
			addLink(t, h, "d0", macA, false)
			err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: hw(macA), Addresses: []netip.Prefix{at("fd00::2", "64"), at("10.1.0.2", "24")}})
			if err != nil {
				t.Fatal(err)
			}
			if got := stateOf(t, h, "eth0").Addrs; got != "10.1.0.2/24 " {
				t.Errorf("addresses %q, want the IPv4 one", got)
			}
			if name == "kernel's answer" {
				err = h.UpdateRoutes([]Route{{Dest: to("fd01::/64"), Device: "eth0"}, {Dest: to("10.2.0.0/16"), Device: "eth0"}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	h := newNamespace(t)
	setIPv6(t, h.proc, "1")
	setIPv6Of(t, h.proc, "eth0", "0")
	addLink(t, h, "d0", macA, false)
	if err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: hw(macA), Addresses: []netip.Prefix{at("fd00::2", "64")}}); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, h, "eth0").Addrs; got != "fd00::2/64 " {
		t.Errorf("switched on for the link only: addresses %q", got)
	}
}

// TestLoopbackStays what it is, also for a NIC that wants its name.
func TestLoopbackStays(t *testing.T) {
	h := newNamespace(t)
	addLink(t, h, "eth0", macA, false)
	before := stateOf(t, h, "lo")
	for _, bad := range []Interface{
		{Name: "lo", HWAddr: hw(macA)}, {Name: "lo", HWAddr: hw(macB)}, {Name: "eth1", HWAddr: hw("00:00:00:00:00:00")},
	} {
		if err := h.UpdateInterface(bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
	if got := stateOf(t, h, "lo"); got != before {
		t.Errorf("the loopback is %+v, was %+v", got, before)
	}
	if got := stateOf(t, h, "eth0"); got.MAC != macA {
		t.Errorf("eth0 is %+v", got)
	}
	err := h.UpdateInterface(Interface{Name: "lo", HWAddr: hw("00:00:00:00:00:00"), Addresses: []netip.Prefix{at("127.0.0.1", "8"), at("10.9.0.1", "32")}})
	if err != nil {
		t.Errorf("addresses of the loopback: %v", err)
	}
}

func TestUpdateInterfaceByName(t *testing.T) {
	h := newNamespace(t)
	addLink(t, h, "eth0", macB, true)
	if err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: hw(macA)}); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, h, "eth0"); got.MAC != macA || !got.Up {
		t.Errorf("got %+v", got)
	}
}

func TestUpdateInterfaceNotFound(t *testing.T) {
	h := newNamespace(t)
	err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: hw("AA:bb:cc:dd:ee:ff")})
	var notFound *LinkNotFoundError
	if !errors.As(err, &notFound) || err.Error() != "Link not found (Address: aa:bb:cc:dd:ee:ff)" {
		t.Errorf("got %v, want %q", err, "Link not found (Address: aa:bb:cc:dd:ee:ff)")
	}
}

func TestUpdateInterfacePrefersName(t *testing.T) {
	h := newNamespace(t)
	parent := addLink(t, h, "p0", macA, true)
	vlan := &vnl.Vlan{LinkAttrs: vnl.LinkAttrs{Name: "eth0", ParentIndex: parent.Attrs().Index}, VlanId: 5}
	if err := h.nl.LinkAdd(vlan); err != nil {
		t.Skipf("no VLANs here: %v", err)
	}
	if err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: hw(macA), MTU: 1300}); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, h, "eth0"); got.MTU != 1300 {
		t.Errorf("eth0 %+v", got)
	}
	if got := stateOf(t, h, "p0"); got.MTU != 1500 {
		t.Errorf("p0 %+v", got)
	}
}

func TestUpdateInterfaceSwapsNames(t *testing.T) {
	h := newNamespace(t)
	addLink(t, h, "eth1", macA, true)
	other := addLink(t, h, "eth0", macB, true)
	for _, a := range []netip.Prefix{at("10.2.0.2", "24"), at("fd02::2", "64")} {
		addr, err := linkAddress(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.nl.AddrAdd(other, &addr); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.UpdateRoutes([]Route{{Dest: to("10.9.0.0/16"), Gateway: ip("10.2.0.1"), Device: "eth0"}}); err != nil {
		t.Fatal(err)
	}
	if err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: hw(macA), Addresses: []netip.Prefix{at("10.1.0.2", "24")}}); err != nil {
		t.Fatal(err)
	}
	if got, want := stateOf(t, h, "eth0"), (state{Up: true, MTU: 1500, MAC: macA, Addrs: "10.1.0.2/24 "}); got != want {
		t.Errorf("eth0: got %+v, want %+v", got, want)
	}
	want := state{Up: true, MTU: 1500, MAC: macB, Addrs: "10.2.0.2/24 fd02::2/64 "}
	if got := stateOf(t, h, "eth1"); got != want {
		t.Errorf("eth1: got %+v, want %+v", got, want)
	}
	_, routes, _ := everything(t, h)
	if !slices.ContainsFunc(routes, func(r Route) bool { return r.Dest == to("10.9.0.0/16") && r.Device == "eth1" }) {
		t.Errorf("the displaced link lost its route: %+v", routes)
	}

	// A displaced link that is down stays down.
	addLink(t, h, "eth2", macC, false)
	if err := h.UpdateInterface(Interface{Name: "eth2", HWAddr: hw(macA)}); err != nil {
		t.Fatal(err)
	}
	if stateOf(t, h, "eth0").Up || stateOf(t, h, "eth0").MAC != macC {
		t.Errorf("eth0: %+v", stateOf(t, h, "eth0"))
	}
}

// TestUpdateInterfaceTakesBack makes requests fail at each of their steps.
func TestUpdateInterfaceTakesBack(t *testing.T) {
	good := []netip.Prefix{at("10.1.0.9", "24"), at("fd01::9", "64")}
	tests := map[string]Interface{
		"MTU":             {Name: "eth0", HWAddr: hw(macA), MTU: 20, Addresses: good},
		"address":         {Name: "eth0", HWAddr: hw(macA), MTU: 1400, Flags: unix.IFF_NOARP, Addresses: append(good, at("ff02::1", "64"))},
		"address by name": {Name: "eth1", HWAddr: hw(macC), Addresses: append(good, at("ff02::1", "64"))},
		"no rename":       {Name: "eth1", HWAddr: hw(macA), MTU: 1400, Addresses: append(good, at("ff02::1", "64"))},
		"name":            {Name: "a/b", HWAddr: hw(macA), Addresses: good},
		"new MAC":         {Name: "eth1", HWAddr: hw("01:00:00:00:00:01"), Addresses: good},
		"no address":      {Name: "eth0", HWAddr: hw(macA), Addresses: []netip.Prefix{{}}},
		"no MAC":          {Name: "eth0"},
		"short MAC":       {Name: "eth0", HWAddr: []byte{2, 0}},
		"long name":       {Name: "a234567890123456", HWAddr: hw(macA)},
		"huge MTU":        {Name: "eth0", HWAddr: hw(macA), MTU: 1 << 40},
	}
	for name, request := range tests {
		t.Run(name, func(t *testing.T) {
			h := newNamespace(t)
			addLink(t, h, "eth1", macA, false)
			addLink(t, h, "eth0", macB, false)
			for _, i := range []Interface{
				{Name: "eth1", HWAddr: hw(macA), Addresses: []netip.Prefix{at("10.1.0.2", "24"), at("10.1.0.3", "24"), at("fd01::2", "64")}},
				{Name: "eth0", HWAddr: hw(macB), Addresses: []netip.Prefix{at("10.2.0.2", "24"), at("fd02::2", "64")}},
			} {
				if err := h.UpdateInterface(i); err != nil {
					t.Fatal(err)
				}
			}
			if err := h.UpdateRoutes([]Route{
				{Dest: default4, Gateway: ip("10.1.0.1"), Device: "eth1"},
				{Dest: to("fd99::/64"), Gateway: ip("fd02::1"), Device: "eth0"},
			}); err != nil {
				t.Fatal(err)
			}
			interfaces, routes, up := everything(t, h)
			err := h.UpdateInterface(request)
			if err == nil || strings.Contains(err.Error(), "taking it back") {
				t.Fatalf("got %v", err)
			}
			nowInterfaces, nowRoutes, nowUp := everything(t, h)
			sortAddresses(interfaces)
			sortAddresses(nowInterfaces)
			if fmt.Sprint(interfaces) != fmt.Sprint(nowInterfaces) {
				t.Errorf("interfaces before %+v\nafter %+v", interfaces, nowInterfaces)
			}
			if !sameRoutes(routes, nowRoutes) {
				t.Errorf("routes before %+v\nafter %+v", routes, nowRoutes)
			}
			if !reflect.DeepEqual(up, nowUp) {
				t.Errorf("up before %v, after %v", up, nowUp)
			}
		})
	}
}

// sortAddresses also drops the kernel's own link-local addresses, which come and go.
func sortAddresses(interfaces []Interface) {
	for i := range interfaces {
		addrs := slices.DeleteFunc(interfaces[i].Addresses, func(a netip.Prefix) bool { return a.Addr().IsLinkLocalUnicast() })
		slices.SortFunc(addrs, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		interfaces[i].Addresses = addrs
	}
}

// sameRoutes leaves out the kernel's own, whose source is the primary address.
func sameRoutes(a, b []Route) bool {
	pick := func(routes []Route) (out []Route) {
		for _, r := range routes {
			if r.Gateway.IsValid() {
				out = append(out, r)
			}
		}
		return out
	}
	return reflect.DeepEqual(pick(a), pick(b))
}
