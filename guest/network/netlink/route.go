// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

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
// switched off are passed over. It stops at the first failure; the
// routes before it stay.
func (h *Handle) UpdateRoutes(routes []Route) error {
	links, err := h.links()
	if err != nil {
		return err
	}
	parsed := make([]vnl.Route, 0, len(routes))
	for _, r := range routes {
		p, err := parseRoute(r, links)
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
		return min(len(routes[a].Gateway), 1) - min(len(routes[b].Gateway), 1)
	})
	for _, i := range order {
		err := h.nl.RouteReplace(&parsed[i])
		if routes[i].Family == IPv6 && errors.Is(err, unix.EACCES) {
			continue // IPv6 is switched off for the link, and its addresses were passed over too
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add %s: %w", describe(routes[i]), err)
		}
	}
	return nil
}

func describe(r Route) string {
	dest := r.Dest
	if dest == "" {
		dest = "default"
	}
	text := fmt.Sprintf("%s route to %s on %s", r.Family, dest, r.Device)
	if r.Gateway != "" {
		text += " by " + r.Gateway
	}
	if r.Source != "" {
		text += " from " + r.Source
	}
	return text
}

func parseRoute(r Route, links []vnl.Link) (vnl.Route, error) {
	link := findByName(links, r.Device)
	if link == nil {
		return vnl.Route{}, fmt.Errorf("find device %q: %w", r.Device, unix.ENODEV)
	}
	out := vnl.Route{
		LinkIndex: link.Attrs().Index,
		Scope:     vnl.Scope(r.Scope & scopeMask),
		Flags:     int(r.Flags &^ stateFlags),
		MTU:       int(r.MTU),
		Table:     unix.RT_TABLE_MAIN,
		Protocol:  unix.RTPROT_BOOT,
		Type:      unix.RTN_UNICAST,
	}
	var err error
	if out.Dst, err = parseDest(r.Dest, r.Family); err != nil {
		return vnl.Route{}, err
	}
	if r.Gateway != "" {
		gateway, err := parsePrefix(r.Gateway, r.Family)
		if err != nil {
			return vnl.Route{}, fmt.Errorf("parse gateway: %w", err)
		}
		out.Gw = gateway.Addr().AsSlice()
	}
	if r.Source != "" {
		source, err := parseSource(r.Source, r.Family)
		if err != nil {
			return vnl.Route{}, fmt.Errorf("parse source: %w", err)
		}
		if source.IsValid() {
			out.Src = source.AsSlice()
		}
	}
	return out, nil
}

// parseSource returns the preferred source address. A source that is a network asks for a
// route by source, which IPv4 does not have: the kernel ignores it there.
func parseSource(text string, family Family) (netip.Addr, error) {
	prefix, err := parsePrefix(text, family)
	switch {
	case err != nil:
		return netip.Addr{}, err
	case prefix.Bits() == 0 || prefix.IsSingleIP() || prefix != prefix.Masked():
		return prefix.Addr(), nil
	case family == IPv4:
		return netip.Addr{}, nil
	}
	return netip.Addr{}, fmt.Errorf("routes from the network %s are not supported", text)
}
