// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"net"
	"testing"

	vnl "github.com/vishvananda/netlink"
)

// FuzzReplies takes a link and routes as the kernel tells of them. The library takes its bytes apart;
// what that gives is turned into what hosts are shown, and what they may send back.
func FuzzReplies(f *testing.F) {
	f.Add("eth0", "ether", []byte{2, 0, 0, 0, 0, 1}, []byte{10, 0, 0, 0}, []byte{255, 255, 255, 0}, []byte{10, 0, 0, 1}, 2)
	f.Add("lo", "loopback", []byte{}, []byte(net.IPv6loopback), []byte(net.CIDRMask(128, 128)), []byte{}, 10)
	f.Add("\xff", "", []byte{1}, []byte{1, 2, 3}, []byte{0, 255}, []byte{1}, -1)
	f.Fuzz(func(t *testing.T, name, encap string, mac, ip, mask, gateway []byte, family int) {
		attrs := &vnl.LinkAttrs{Name: name, EncapType: encap, HardwareAddr: mac, Index: 2}
		_ = hwAddr(attrs)
		dst := &net.IPNet{IP: ip, Mask: mask}
		if len(ip) == 0 {
			dst = nil
		}
		for _, r := range []vnl.Route{
			{Family: family, Dst: dst, Gw: gateway, LinkIndex: 2},
			{Family: family, Dst: dst, Src: ip, MultiPath: []*vnl.NexthopInfo{{Gw: gateway}, {LinkIndex: 2}}},
		} {
			for _, hop := range hops(r, map[int]string{2: name}) {
				_ = describe(hop)
				if hop.Dest.IsValid() {
					if _, err := linkAddress(hop.Dest); err != nil {
						t.Errorf("%v, as the kernel has it, cannot be given back: %v", hop.Dest, err)
					}
				}
			}
		}
	})
}
