// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// setAddresses makes the link's addresses those of the request. Old ones go first: a new
// IPv4 address in the net of an old one would be its secondary and go with it.
func (u *update) setAddresses() error {
	if len(u.want.addrs) == 0 {
		return nil
	}
	wanted := u.possible()
	present, err := consistent(func() ([]vnl.Addr, error) { return u.h.nl.AddrList(u.link, vnl.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("list addresses of %s: %w", u.want.name, err)
	}
	for _, old := range present {
		if isOurs(old) && !contains(wanted, old) {
			if err := u.removeAddress(old); err != nil {
				return err
			}
		}
	}
	for _, addr := range wanted {
		if addr.IP.To4() == nil && contains(present, addr) {
			continue
		}
		// Removing a primary IPv4 address may have taken others along, so those that were
		// there are set again.
		err := u.h.nl.AddrReplace(u.link, &addr)
		if addr.IP.To4() == nil && errors.Is(err, unix.EACCES) {
			continue // the kernel says that IPv6 is switched off
		}
		if err != nil {
			return fmt.Errorf("add address %s to %s: %w", addr.IPNet, u.want.name, err)
		}
		if !contains(present, addr) {
			u.undo.Add(func() error { return u.h.nl.AddrDel(u.link, &addr) })
		}
	}
	return nil
}

// possible is what of the request's addresses the link can have: none of IPv6 if that is
// switched off for it. The link has its final name by now.
func (u *update) possible() []vnl.Addr {
	if u.h.ipv6Enabled(u.want.name) {
		return u.want.addrs
	}
	return slices.DeleteFunc(slices.Clone(u.want.addrs), func(a vnl.Addr) bool { return a.IP.To4() == nil })
}

// removeAddress takes for granted that the snapshot of the link brings the address back.
func (u *update) removeAddress(old vnl.Addr) error {
	err := u.h.nl.AddrDel(u.link, &old)
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) { // not there: went with its primary
		return fmt.Errorf("remove address %s from %s: %w", old.IPNet, u.want.name, err)
	}
	return nil
}

// isOurs tells that somebody set the address: the kernel's own are link-local or, when
// they come from a router, not permanent.
func isOurs(a vnl.Addr) bool {
	return a.Scope == unix.RT_SCOPE_UNIVERSE && a.Flags&unix.IFA_F_PERMANENT != 0
}

func contains(addrs []vnl.Addr, a vnl.Addr) bool {
	return slices.ContainsFunc(addrs, func(b vnl.Addr) bool {
		return a.IP.Equal(b.IP) && slices.Equal(a.Mask, b.Mask)
	})
}

// ipv6Enabled tells whether a link has IPv6. Where the kernel has nothing for the link, the
// guest has to have it for present or for future ones.
func (h *Handle) ipv6Enabled(link string) bool {
	if off, known := h.ipv6Off(link); known {
		return !off
	}
	for _, which := range []string{"all", "default"} {
		if off, known := h.ipv6Off(which); known && !off {
			return true
		}
	}
	return false
}

func (h *Handle) ipv6Off(which string) (off, known bool) {
	text, err := os.ReadFile(filepath.Join(h.proc, "sys/net/ipv6/conf", which, "disable_ipv6"))
	return strings.TrimSpace(string(text)) != "0", err == nil
}
