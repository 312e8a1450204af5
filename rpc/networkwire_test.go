// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"testing"
	"unicode/utf8"

	"github.com/kata-containers/kata-agent/guest/network/netlink"
)

// TestListingWithANameThatIsNoText can be decoded: the kernel takes any bytes as a name.
func TestListingWithANameThatIsNoText(t *testing.T) {
	const name, want = "eth\xff0", "eth\uFFFD0"
	if got := wireInterfaces([]netlink.Interface{{Name: name}}).Interfaces[0].Name; got != want || !utf8.ValidString(got) {
		t.Errorf("interface %q, want %q", got, want)
	}
	if got := wireRoutes([]netlink.Route{{Device: name}}).Routes[0].Device; got != want {
		t.Errorf("route on %q, want %q", got, want)
	}
}
