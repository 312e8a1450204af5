// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
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
	err := h.UpdateInterface(Interface{Name: "eth0", HWAddr: macA, Addresses: []Address{
		v4("10.1.0.2", "24"), v4("10.1.0.3", "24"), v6("fd01::2", "64"), v6("fd01::3", "64"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// route returns the one route to dest with a gateway or a given device.
func route(t *testing.T, h *Handle, dest string) Route {
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
		{Dest: "default", Gateway: "10.7.0.1", Device: "eth0", Source: "10.1.0.3", MTU: 1300}, // needs the next one
		{Dest: "10.7.0.0/16", Device: "eth0", Scope: 253},
		{Dest: "10.8.0.0/16", Gateway: "172.16.0.1", Device: "eth0", Flags: unix.RTNH_F_ONLINK | unix.RTNH_F_LINKDOWN},
		{Dest: "10.9.0.1", Gateway: "10.1.0.1", Device: "eth0", Source: "10.1.0.3/32"},
		{Dest: "", Gateway: "fd01::1", Device: "eth0", Family: IPv6, Source: "fd01::3"},
		{Dest: "fd09::5/64", Device: "eth0", Family: IPv6},
		{Dest: "10.10.0.0/16", Gateway: "10.1.0.1", Device: "eth0", Source: "10.0.0.0/8"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Route{
		{Dest: "0.0.0.0/0", Gateway: "10.7.0.1", Device: "eth0", Source: "10.1.0.3", MTU: 1300},
		{Dest: "10.7.0.0/16", Device: "eth0", Scope: 253},
		{Dest: "10.8.0.0/16", Gateway: "172.16.0.1", Device: "eth0", Flags: unix.RTNH_F_ONLINK},
		{Dest: "10.9.0.1/32", Gateway: "10.1.0.1", Device: "eth0", Source: "10.1.0.3"},
		{Dest: "::/0", Gateway: "fd01::1", Device: "eth0", Family: IPv6, Source: "fd01::3"},
		{Dest: "fd09::/64", Device: "eth0", Family: IPv6},
		{Dest: "10.10.0.0/16", Gateway: "10.1.0.1", Device: "eth0"},
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
	if err := h.UpdateRoutes([]Route{{Gateway: "10.7.0.9", Device: "eth0"}}); err != nil {
		t.Fatal(err)
	}
	if got := route(t, h, "0.0.0.0/0").Gateway; got != "10.7.0.9" {
		t.Errorf("gateway %s", got)
	}
	route(t, h, "10.9.0.1/32")
}

func TestUpdateRoutesErrors(t *testing.T) {
	h := withInterface(t)
	good := Route{Dest: "10.20.0.0/16", Gateway: "10.1.0.1", Device: "eth0"}
	tests := map[string]Route{
		"device":          {Dest: "10.3.0.0/16", Device: "eth9"},
		"destination":     {Dest: "10.3.0/16", Device: "eth0"},
		"length":          {Dest: "10.3.0.0/99", Device: "eth0"},
		"family":          {Dest: "fd00::/64", Device: "eth0"},
		"gateway":         {Gateway: "x", Device: "eth0"},
		"gateway family":  {Gateway: "fd00::1", Device: "eth0"},
		"source":          {Dest: "10.3.0.0/16", Source: "y", Device: "eth0"},
		"source network":  {Dest: "fd05::/64", Source: "fd06::/64", Device: "eth0", Family: IPv6},
		"unreachable":     {Dest: "10.3.0.0/16", Gateway: "192.168.77.1", Device: "eth0"},
		"source not ours": {Dest: "10.3.0.0/16", Source: "192.168.77.1", Device: "eth0"},
	}
	for name, bad := range tests {
		if err := h.UpdateRoutes([]Route{good, bad}); err == nil || !strings.Contains(err.Error(), "add IPv") {
			t.Errorf("%s: got %v", name, err)
		}
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
	dest, err := parseDest("10.30.0.0/16", IPv4)
	if err != nil {
		t.Fatal(err)
	}
	err = h.nl.RouteAdd(&vnl.Route{Dst: dest, MultiPath: []*vnl.NexthopInfo{
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
		if r.Dest == "10.30.0.0/16" && r.Device == "eth0" {
			gateways = append(gateways, r.Gateway)
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
	if lo.HWAddr != "00:00:00:00:00:00" || lo.MTU != 65536 || !slices.Contains(lo.Addresses, v4("127.0.0.1", "8")) || !slices.Contains(lo.Addresses, v6("::1", "128")) {
		t.Errorf("lo: %+v", lo)
	}
	eth0 := byName["eth0"]
	if eth0.HWAddr != "02:00:00:00:00:0A" || eth0.MTU != 1500 || !slices.Contains(eth0.Addresses, v4("10.1.0.3", "24")) || !slices.Contains(eth0.Addresses, v6("fd01::2", "64")) {
		t.Errorf("eth0: %+v", eth0)
	}
}

func TestFormatHWAddr(t *testing.T) {
	for want, hw := range map[string][]byte{
		"0A:0B:0C:0D:0E:0F": {10, 11, 12, 13, 14, 15}, "10.0.0.1": {10, 0, 0, 1}, "": {1, 2, 3},
		"fd00::1": {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
	} {
		if got := formatHWAddr(&vnl.LinkAttrs{HardwareAddr: hw}); got != want {
			t.Errorf("%v: got %q, want %q", hw, got, want)
		}
	}
}

func TestAddARPNeighbors(t *testing.T) {
	h := withInterface(t)
	err := h.AddARPNeighbors([]Neighbor{
		{Address: "10.1.0.7", Device: "eth0", LLAddr: macB},
		{Address: "fd01::7", Device: "eth0", LLAddr: macC, State: unix.NUD_STALE, Flags: unix.NTF_ROUTER},
		{Address: "10.1.0.7", Device: "eth0", LLAddr: macC},
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
		"no address": {Device: "eth0", LLAddr: macB}, "address": {Address: "x", Device: "eth0", LLAddr: macB},
		"device": {Address: "10.1.0.8", Device: "eth9", LLAddr: macB}, "no lladdr": {Address: "10.1.0.8", Device: "eth0"},
		"lladdr": {Address: "10.1.0.8", Device: "eth0", LLAddr: "zz"},
	} {
		if err := h.AddARPNeighbors([]Neighbor{bad}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
