// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func withInterface(t *testing.T) *Handle {
	t.Helper()
	h := newNamespace(t)
	addLink(t, h, "eth0", macA, false)
	err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: hw(macA), Addresses: []netip.Prefix{
		at("10.1.0.2", "24"), at("10.1.0.3", "24"), at("fd01::2", "64"), at("fd01::3", "64"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The default routes.
var default4, default6 = to("0.0.0.0/0"), to("::/0")

func to(dest string) netip.Prefix { return netip.MustParsePrefix(dest) }
func ip(addr string) netip.Addr   { return netip.MustParseAddr(addr) }

// route returns the one route to dest with a gateway or a given device.
func route(t *testing.T, h *Handle, dest netip.Prefix) Route {
	t.Helper()
	routes, err := h.ListRoutes()
	if err != nil {
		t.Fatal(err)
	}
	routes = slices.DeleteFunc(routes, func(r Route) bool { return r.Dest != dest })
	if len(routes) != 1 {
		t.Fatalf("%d routes to %s: %+v", len(routes), dest, routes)
	}
	return routes[0]
}

func TestUpdateRoutes(t *testing.T) {
	h := withInterface(t)
	err := h.UpdateRoutes([]Route{
		{Dest: default4, Gateway: ip("10.7.0.1"), Device: "eth0", Source: ip("10.1.0.3"), MTU: 1300}, // needs the next one
		{Dest: to("10.7.0.0/16"), Device: "eth0", Scope: 253},
		{Dest: to("10.8.0.0/16"), Gateway: ip("172.16.0.1"), Device: "eth0", Flags: unix.RTNH_F_ONLINK | unix.RTNH_F_LINKDOWN},
		{Dest: to("10.9.0.1/32"), Gateway: ip("10.1.0.1"), Device: "eth0", Source: ip("10.1.0.3")},
		{Dest: default6, Gateway: ip("fd01::1"), Device: "eth0", Source: ip("fd01::3")},
		{Dest: to("fd09::5/64"), Device: "eth0"},
		{Dest: to("10.10.0.0/16"), Gateway: ip("10.1.0.1"), Device: "eth0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Route{
		{Dest: default4, Gateway: ip("10.7.0.1"), Device: "eth0", Source: ip("10.1.0.3"), MTU: 1300},
		{Dest: to("10.7.0.0/16"), Device: "eth0", Scope: 253},
		{Dest: to("10.8.0.0/16"), Gateway: ip("172.16.0.1"), Device: "eth0", Flags: unix.RTNH_F_ONLINK},
		{Dest: to("10.9.0.1/32"), Gateway: ip("10.1.0.1"), Device: "eth0", Source: ip("10.1.0.3")},
		{Dest: default6, Gateway: ip("fd01::1"), Device: "eth0", Source: ip("fd01::3")},
		{Dest: to("fd09::/64"), Device: "eth0"},
		{Dest: to("10.10.0.0/16"), Gateway: ip("10.1.0.1"), Device: "eth0"},
	} {
		if got := route(t, h, want.Dest); got != want {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}

	// The same list again, and what is listed, change nothing.
	listed, err := h.ListRoutes()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.UpdateRoutes(listed); err != nil {
		t.Errorf("listed routes are refused: %v", err)
	}
	again, err := h.ListRoutes()
	if err != nil {
		t.Fatal(err)
	}
	if !sameRoutes(listed, again) {
		t.Errorf("before %+v\nafter %+v", listed, again)
	}

	// Another gateway replaces, the others stay.
	if err := h.UpdateRoutes([]Route{{Dest: default4, Gateway: ip("10.7.0.9"), Device: "eth0"}}); err != nil {
		t.Fatal(err)
	}
	if got := route(t, h, default4).Gateway; got != ip("10.7.0.9") {
		t.Errorf("gateway %s", got)
	}
	route(t, h, to("10.9.0.1/32"))
}

func TestUpdateRoutesErrors(t *testing.T) {
	h := withInterface(t)
	good := Route{Dest: to("10.20.0.0/16"), Gateway: ip("10.1.0.1"), Device: "eth0"}
	tests := map[string]Route{
		"device":          {Dest: to("10.3.0.0/16"), Device: "eth9"},
		"no destination":  {Device: "eth0"},
		"gateway family":  {Dest: default4, Gateway: ip("fd00::1"), Device: "eth0"},
		"unreachable":     {Dest: to("10.3.0.0/16"), Gateway: ip("192.168.77.1"), Device: "eth0"},
		"source not ours": {Dest: to("10.3.0.0/16"), Source: ip("192.168.77.1"), Device: "eth0"},
	}
	before, err := h.ListRoutes()
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range tests {
		if err := h.UpdateRoutes([]Route{good, bad}); err == nil || !strings.Contains(err.Error(), "add IPv") {
			t.Errorf("%s: got %v, want an error with %q", name, err, "add IPv")
		}
	}
	// What was changed before the failure is taken back, a route that was replaced too.
	if err := h.UpdateRoutes([]Route{{Dest: default4, Gateway: ip("10.1.0.1"), Device: "eth0"}}); err != nil {
		t.Fatal(err)
	}
	other := Route{Dest: default4, Gateway: ip("10.1.0.7"), Device: "eth0"}
	if err := h.UpdateRoutes([]Route{other, tests["unreachable"]}); err == nil {
		t.Error("a route that cannot be reached was added")
	}
	if got := route(t, h, default4).Gateway; got != ip("10.1.0.1") {
		t.Errorf("the default route leads to %s, want 10.1.0.1 as before", got)
	}
	if err := h.nl.RouteDel(&vnl.Route{Dst: ipNet(default4)}); err != nil {
		t.Fatal(err)
	}
	if after, err := h.ListRoutes(); err != nil || !sameRoutes(before, after) {
		t.Errorf("after what was refused: %+v, %v; want %+v", after, err, before)
	}
	if err := h.UpdateRoutes([]Route{tests["device"]}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("got %v, want ENODEV", err)
	}
}

func TestListRoutesMultipath(t *testing.T) {
	h := withInterface(t)
	link, err := h.nl.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	err = h.nl.RouteAdd(&vnl.Route{Dst: ipNet(to("10.30.0.0/16")), MultiPath: []*vnl.NexthopInfo{
		{LinkIndex: link.Attrs().Index, Gw: []byte{10, 1, 0, 1}}, {LinkIndex: link.Attrs().Index, Gw: []byte{10, 1, 0, 9}},
	}})
	if err != nil {
		t.Skipf("no multipath routes here: %v", err)
	}
	routes, err := h.ListRoutes()
	if err != nil {
		t.Fatal(err)
	}
	var gateways []string
	for _, r := range routes {
		if r.Dest == to("10.30.0.0/16") && r.Device == "eth0" {
			gateways = append(gateways, r.Gateway.String())
		}
	}
	if !slices.Equal(gateways, []string{"10.1.0.1", "10.1.0.9"}) {
		t.Errorf("gateways %v", gateways)
	}
}

func TestListInterfaces(t *testing.T) {
	h := withInterface(t)
	if err := h.LoopbackUp(); err != nil {
		t.Fatal(err)
	}
	list, err := h.ListInterfaces()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Interface{}
	for _, i := range list {
		byName[i.Name] = i
	}
	lo := byName["lo"]
	if lo.HWAddr.String() != "00:00:00:00:00:00" || lo.MTU != 65536 || !slices.Contains(lo.Addresses, at("127.0.0.1", "8")) || !slices.Contains(lo.Addresses, at("::1", "128")) {
		t.Errorf("lo: %+v", lo)
	}
	eth0 := byName["eth0"]
	if eth0.HWAddr.String() != macA || eth0.MTU != 1500 || !slices.Contains(eth0.Addresses, at("10.1.0.3", "24")) || !slices.Contains(eth0.Addresses, at("fd01::2", "64")) {
		t.Errorf("eth0: %+v", eth0)
	}
}

func TestAddARPNeighbors(t *testing.T) {
	h := withInterface(t)
	err := h.AddARPNeighbors([]Neighbor{
		{Address: ip("10.1.0.7"), Device: "eth0", LLAddr: hw(macB)},
		{Address: ip("fd01::7"), Device: "eth0", LLAddr: hw(macC), State: unix.NUD_STALE, Flags: unix.NTF_ROUTER},
		{Address: ip("10.1.0.7"), Device: "eth0", LLAddr: hw(macC)},
	})
	if err != nil {
		t.Fatal(err)
	}
	neighbors, err := consistent(func() ([]vnl.Neigh, error) { return h.nl.NeighList(0, vnl.FAMILY_ALL) })
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]vnl.Neigh{}
	for _, n := range neighbors {
		found[n.IP.String()] = n
	}
	if n := found["10.1.0.7"]; n.State != unix.NUD_PERMANENT || n.HardwareAddr.String() != macC {
		t.Errorf("IPv4: %+v", n)
	}
	if n := found["fd01::7"]; n.State != unix.NUD_STALE || n.Flags&unix.NTF_ROUTER == 0 {
		t.Errorf("IPv6: %+v", n)
	}
	for name, bad := range map[string]Neighbor{
		"no address": {Device: "eth0", LLAddr: hw(macB)},
		"device":     {Address: ip("10.1.0.8"), Device: "eth9", LLAddr: hw(macB)}, "no lladdr": {Address: ip("10.1.0.8"), Device: "eth0"},
	} {
		if err := h.AddARPNeighbors([]Neighbor{bad}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
