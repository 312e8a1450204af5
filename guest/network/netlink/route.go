// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/kata-containers/kata-agent/guest/sys/undo"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// stateFlags say how a route is doing. The kernel refuses them in a request, yet hosts
// send them along because they copy the route of the host.
const stateFlags = unix.RTNH_F_DEAD | unix.RTNH_F_LINKDOWN | unix.RTNH_F_UNRESOLVED |
	unix.RTNH_F_OFFLOAD | unix.RTNH_F_TRAP

// scopeMask is what a route has room for.
const scopeMask = 0xff

// UpdateRoutes adds routes to the main table, those without a gateway first because the
// gateways are reached over them, else in the given order. A route to the same
// destination is replaced, others are left alone. IPv6 routes of a link for which IPv6 is
// switched off are passed over. It stops at the first failure, and takes back what it has changed.
func (h *Handle) UpdateRoutes(routes []Route) error {
	links, err := h.links()
	if err != nil {
		return err
	}
	parsed := make([]vnl.Route, 0, len(routes))
	for _, r := range routes {
		p, err := routeOn(r, links)
		if err != nil {
			return fmt.Errorf("add %s: %w", describe(r), err)
		}
		parsed = append(parsed, p)
	}
	order := make([]int, len(routes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return count(routes[a].Gateway.IsValid()) - count(routes[b].Gateway.IsValid())
	})
	before, err := h.mainRoutes()
	if err != nil {
		return err
	}
	var taken undo.List
	for _, i := range order {
		err := h.nl.RouteReplace(&parsed[i])
		switch {
		case err == nil:
			taken.Add(func() error { return h.takeBack(&parsed[i], before) })
		case errors.Is(err, unix.EEXIST):
		case routes[i].Dest.Addr().Is6() && errors.Is(err, unix.EACCES):
			// IPv6 is switched off for the link, and its addresses were passed over too.
		default:
			return errors.Join(fmt.Errorf("add %s: %w", describe(routes[i]), err), taken.Run())
		}
	}
	return nil
}

func (h *Handle) mainRoutes() ([]vnl.Route, error) {
	filter := &vnl.Route{Table: unix.RT_TABLE_MAIN}
	routes, err := consistent(func() ([]vnl.Route, error) {
		return h.nl.RouteListFiltered(vnl.FAMILY_ALL, filter, vnl.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return routes, nil
}

// takeBack removes a route that was added, or puts the one back that it has replaced.
func (h *Handle) takeBack(added *vnl.Route, before []vnl.Route) error {
	for _, old := range before {
		if restorable(old) && sameNet(old.Dst, added.Dst) {
			old.Flags &^= stateFlags
			return h.nl.RouteReplace(&old)
		}
	}
	err := h.nl.RouteDel(added)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

func sameNet(a, b *net.IPNet) bool { return a != nil && b != nil && a.String() == b.String() }

func describe(r Route) string {
	family := "IPv4"
	if r.Dest.Addr().Is6() {
		family = "IPv6"
	}
	text := fmt.Sprintf("%s route to %s on %s", family, r.Dest, r.Device)
	if r.Gateway.IsValid() {
		text += " by " + r.Gateway.String()
	}
	if r.Source.IsValid() {
		text += " from " + r.Source.String()
	}
	return text
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func routeOn(r Route, links []vnl.Link) (vnl.Route, error) {
	link := findByName(links, r.Device)
	if link == nil {
		return vnl.Route{}, fmt.Errorf("find device %q: %w", r.Device, unix.ENODEV)
	}
	if !r.Dest.IsValid() {
		return vnl.Route{}, errors.New("no destination")
	}
	return vnl.Route{
		LinkIndex: link.Attrs().Index,
		Scope:     vnl.Scope(r.Scope & scopeMask),
		Flags:     int(r.Flags &^ stateFlags),
		MTU:       int(r.MTU),
		Table:     unix.RT_TABLE_MAIN,
		Protocol:  unix.RTPROT_BOOT,
		Type:      unix.RTN_UNICAST,
		Dst:       ipNet(r.Dest.Masked()),
		Gw:        r.Gateway.AsSlice(), // nil for none
		Src:       r.Source.AsSlice(),
	}, nil
}
