// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/guest/network/iptables"
	"github.com/kata-containers/kata-agent/guest/network/netlink"
)

// kernel records what it is asked for, in order.
type kernel struct{ did []string }

func (k *kernel) UpdateInterface(want netlink.Interface, plugged string) error {
	k.did = append(k.did, "interface "+want.Name+" "+plugged)
	return nil
}

func (k *kernel) UpdateRoutes(want []netlink.Route) ([]netlink.Route, error) {
	k.did = append(k.did, "routes")
	return append(want, netlink.Route{Device: "lo"}), nil
}

func (k *kernel) AddNeighbors([]netlink.Neighbor) error {
	k.did = append(k.did, "neighbors")
	return errors.New("no such device")
}

func (k *kernel) SetIPTables(_ context.Context, _ iptables.Family, rules []byte) ([]byte, error) {
	k.did = append(k.did, "iptables "+string(rules))
	return []byte("done"), nil
}

// Changes are made one after the other, in the order they were asked for, and one that
// fails does not stop the next.
func TestChangesInOrder(t *testing.T) {
	k := &kernel{}
	a := coretest.New(t, New(k))
	neighbors := coretest.Ask(a, &AddNeighbors{})
	routes := coretest.Ask(a, &UpdateRoutes{Want: []netlink.Route{{Device: "eth0"}}})
	link := coretest.Ask(a, &UpdateInterface{Want: netlink.Interface{Name: "eth1"}, Plugged: "eth9"})
	rules := coretest.Ask(a, &SetIPTables{Rules: []byte("*filter")})
	for i := range 4 {
		if n := len(a.Works()); n != 1 {
			t.Fatalf("want one change under way after %d, got %d", i, n)
		}
		a.Work(0).Run()
		a.Run()
	}
	want := []string{"neighbors", "routes", "interface eth1 eth9", "iptables *filter"}
	if !slices.Equal(k.did, want) {
		t.Errorf("want %q, got %q", want, k.did)
	}
	if _, err := neighbors.Get(); err == nil || err.Error() != "no such device" {
		t.Errorf("neighbours: want the kernel's error, got %v", err)
	}
	if now, err := routes.Get(); err != nil || len(now) != 2 {
		t.Errorf("routes: want the two that are there now, got %v, %v", now, err)
	}
	if _, err := link.Get(); err != nil {
		t.Errorf("interface: want no error, got %v", err)
	}
	if out, err := rules.Get(); err != nil || string(out) != "done" {
		t.Errorf("iptables: want what the program wrote, got %q, %v", out, err)
	}
}

// A change whose asker has gone while it waited is not made.
func TestAskerGone(t *testing.T) {
	k := &kernel{}
	a := coretest.New(t, New(k))
	coretest.Ask(a, &UpdateRoutes{})
	gone := coretest.Ask(a, &UpdateInterface{Want: netlink.Interface{Name: "eth1"}})
	last := coretest.Ask(a, &UpdateInterface{Want: netlink.Interface{Name: "eth2"}})
	gone.Cancel()
	a.Work(0).Run()
	a.Run()
	a.Work(0).Run()
	a.Run()
	if _, err := last.Get(); err != nil {
		t.Errorf("the next change: want no error, got %v", err)
	}
	if want := []string{"routes", "interface eth2 "}; !slices.Equal(k.did, want) {
		t.Errorf("want %q, got %q", want, k.did)
	}
}
