// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// parseMAC takes six hexadecimal groups separated by colons, in either case.
func parseMAC(text string) (net.HardwareAddr, error) {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 || strings.Count(text, ":") != 5 {
		return nil, fmt.Errorf("Failed to parse MAC address: %q", text) // known text
	}
	return mac, nil
}

// parseAddress returns what the kernel is to be given. IPv6 addresses come without
// duplicate address detection: the host has chosen them, and a container must be able to
// bind them at once.
func parseAddress(a Address) (vnl.Addr, error) {
	ip, err := netip.ParseAddr(a.Address)
	if err != nil {
		return vnl.Addr{}, fmt.Errorf("parse address: %w", err)
	}
	ip = ip.Unmap().WithZone("")
	length, err := strconv.ParseUint(a.Mask, 10, 8)
	if err != nil || int(length) > ip.BitLen() {
		return vnl.Addr{}, fmt.Errorf("parse address %s: prefix length %q is not a number up to %d", ip, a.Mask, ip.BitLen())
	}
	addr := vnl.Addr{IPNet: ipNet(netip.PrefixFrom(ip, int(length)))}
	if ip.Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	return addr, nil
}

// parseDest takes "address/length", a bare address, or the default route.
func parseDest(text string, family Family) (*net.IPNet, error) {
	if text == "" || text == "default" {
		if family == IPv6 {
			return ipNet(netip.PrefixFrom(netip.IPv6Unspecified(), 0)), nil
		}
		return ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)), nil
	}
	prefix, err := parsePrefix(text, family)
	if err != nil {
		return nil, fmt.Errorf("parse destination: %w", err)
	}
	return ipNet(prefix.Masked()), nil
}

// parsePrefix takes a bare address for one with its full length.
func parsePrefix(text string, family Family) (netip.Prefix, error) {
	var prefix netip.Prefix
	var err error
	if strings.Contains(text, "/") {
		prefix, err = netip.ParsePrefix(text)
	} else {
		var ip netip.Addr
		if ip, err = netip.ParseAddr(text); err == nil {
			prefix = netip.PrefixFrom(ip, ip.BitLen())
		}
	}
	if err != nil {
		return netip.Prefix{}, err
	}
	if prefix.Addr().Is6() != (family == IPv6) {
		return netip.Prefix{}, fmt.Errorf("%s is not an %s address", text, family)
	}
	return prefix, nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
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
