// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// newNamespace returns a handle for a network namespace of its own, which lasts as long
// as the handle's sockets, and in which IPv6 counts as enabled.
func newNamespace(t *testing.T) *Handle {
	t.Helper()
	return newNamespaceWith(t, func() {})
}

// newNamespaceWith calls inside in the new namespace first.
func newNamespaceWith(t *testing.T, inside func()) *Handle {
	t.Helper()
	guesttest.NeedRoot(t, "to make a network namespace")
	proc := t.TempDir()
	setIPv6(t, proc, "0")
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		t.Fatalf("unshare: %v", err)
	}
	inside()
	h, newErr := New(proc)
	if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatalf("setns: %v", err) // the thread stays locked and ends with the test
	}
	runtime.UnlockOSThread()
	if newErr != nil {
		t.Fatal(newErr)
	}
	t.Cleanup(h.Close)
	return h
}

func setIPv6(t *testing.T, proc, disabled string) {
	t.Helper()
	setIPv6Of(t, proc, "all", disabled)
	setIPv6Of(t, proc, "default", disabled)
}

func setIPv6Of(t *testing.T, proc, which, disabled string) {
	t.Helper()
	dir := filepath.Join(proc, "sys/net/ipv6/conf", which)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "disable_ipv6"), []byte(disabled+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	macA = "02:00:00:00:00:0a"
	macB = "02:00:00:00:00:0b"
	macC = "02:00:00:00:00:0c"
)

// hw is the MAC address of a text.
func hw(text string) net.HardwareAddr {
	mac, err := net.ParseMAC(text)
	if err != nil {
		panic(err)
	}
	return mac
}

// addLink makes one end of a pair whose other end, "<name>-far", is up: without it the
// link has no carrier.
func addLink(t *testing.T, h *Handle, name, mac string, up bool) vnl.Link {
	t.Helper()
	link := &vnl.Veth{
		LinkAttrs: vnl.LinkAttrs{Name: name, HardwareAddr: hw(mac), MTU: 1500, TxQLen: -1},
		PeerName:  name + "-far",
	}
	if err := h.nl.LinkAdd(link); err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
	far, err := h.nl.LinkByName(link.PeerName)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.nl.LinkSetUp(far); err != nil {
		t.Fatal(err)
	}
	if up {
		if err := h.nl.LinkSetUp(link); err != nil {
			t.Fatal(err)
		}
	}
	return link
}

// state is what a test compares of a link.
type state struct {
	Up    bool
	NoARP bool
	MTU   int
	MAC   string
	Addrs string // in the kernel's order, those of ours only
}

func stateOf(t *testing.T, h *Handle, name string) state {
	t.Helper()
	link, err := h.nl.LinkByName(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	attrs := link.Attrs()
	s := state{
		Up: attrs.RawFlags&unix.IFF_UP != 0, NoARP: attrs.RawFlags&unix.IFF_NOARP != 0,
		MTU: attrs.MTU, MAC: attrs.HardwareAddr.String(),
	}
	addrs, err := consistent(func() ([]vnl.Addr, error) { return h.nl.AddrList(link, vnl.FAMILY_ALL) })
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if isOurs(a) {
			s.Addrs += a.IPNet.String() + " "
		}
	}
	return s
}

// everything lists the namespace, to see that nothing has changed.
func everything(t *testing.T, h *Handle) (interfaces []Interface, routes []Route, up map[string]bool) {
	t.Helper()
	interfaces, err := h.ListInterfaces()
	if err != nil {
		t.Fatal(err)
	}
	if routes, err = h.ListRoutes(); err != nil {
		t.Fatal(err)
	}
	up = map[string]bool{}
	for _, i := range interfaces {
		up[i.Name] = stateOf(t, h, i.Name).Up
	}
	return interfaces, routes, up
}
