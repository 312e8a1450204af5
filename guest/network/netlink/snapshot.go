// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// snapshot is what a link can lose: the kernel drops the IPv6 addresses and the routes of
// one that is taken down, and the routes that need an address with that address.
type snapshot struct {
	link   vnl.Link
	addrs  []vnl.Addr
	routes []vnl.Route
}

func (h *Handle) snapshot(link vnl.Link) (*snapshot, error) {
	name := link.Attrs().Name
	addrs, err := consistent(func() ([]vnl.Addr, error) { return h.nl.AddrList(link, vnl.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses of %s: %w", name, err)
	}
	routes, err := consistent(func() ([]vnl.Route, error) { return h.nl.RouteList(link, vnl.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list routes of %s: %w", name, err)
	}
	return &snapshot{link: link, addrs: addrs, routes: routes}, nil
}

// restore sets everything again. It can do so only for a link that is up; on one that was
// down before there were no routes to lose.
func (h *Handle) restore(s *snapshot) error {
	return errors.Join(h.restoreAddresses(s), h.restoreRoutes(s))
}

func (h *Handle) restoreAddresses(s *snapshot) error {
	var errs []error
	for _, addr := range s.addrs {
		if !isOurs(addr) {
			continue
		}
		addr.Flags = keptFlags(addr)
		errs = append(errs, h.nl.AddrReplace(s.link, &addr))
	}
	return errors.Join(errs...)
}

// keptFlags leaves what a request may set. A restored IPv6 address has proved to be
// nobody else's before.
func keptFlags(a vnl.Addr) int {
	flags := a.Flags & (unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE)
	if a.IP.To4() == nil {
		flags |= unix.IFA_F_NODAD
	}
	return flags
}

// restoreRoutes needs the addresses in place. Routes without a gateway come first: the
// gateways are reached over them.
func (h *Handle) restoreRoutes(s *snapshot) error {
	var errs []error
	for _, withGateway := range []bool{false, true} {
		for _, route := range s.routes {
			if !restorable(route) || (route.Gw != nil) != withGateway {
				continue
			}
			route.Flags &^= stateFlags
			errs = append(errs, h.nl.RouteReplace(&route))
		}
	}
	return errors.Join(errs...)
}

// restorable leaves out what the kernel sets again itself, and routes that lead over
// other links too.
func restorable(r vnl.Route) bool {
	return r.Protocol != unix.RTPROT_KERNEL && r.Protocol != unix.RTPROT_RA && len(r.MultiPath) == 0
}
