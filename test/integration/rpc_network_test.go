// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// addNIC gives the agent's network namespace an interface, as a host would plug one in.
func addNIC(t *testing.T, a *harness.Agent, name, mac string) {
	t.Helper()
	ns, err := netns.GetFromPid(a.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	hw := netlink.NewLinkAttrs()
	hw.Name = name
	if hw.HardwareAddr, err = net.ParseMAC(mac); err != nil {
		t.Fatal(err)
	}
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: hw, PeerName: "host0"}); err != nil {
		t.Fatal(err)
	}
}

const nicMAC = "02:00:ca:fe:00:01"

// nic is an interface as the Go host describes it.
func nic() *protocols.Interface {
	return &protocols.Interface{
		Device: "eth0", Name: "eth0", HwAddr: nicMAC, Mtu: 1400, Type: "veth",
		IPAddresses: []*protocols.IPAddress{{Family: protocols.IPFamily_v4, Address: "192.0.2.2", Mask: "24"}},
	}
}

func TestRPC09TextsHostsMatch(t *testing.T) {
	a := harness.Start(t, harness.Options{Network: true})
	ctx := background(t)
	var got protocols.Interface
	err := a.Call(ctx, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: nic()}, &got)
	harness.Refused(t, err, codes.Internal, "Link not found", nicMAC)

	addNIC(t, a, "dummy7", nicMAC) // the host's next attempt finds it
	if err := a.Call(ctx, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: nic()}, &got); err != nil {
		t.Error(err)
	}

	err = a.Do(ctx, "SetPolicy", &protocols.SetPolicyRequest{
		Policy: "package agent_policy\ndefault StatsContainerRequest := false\ndefault DestroySandboxRequest := true\n",
	})
	if status.Code(err) == codes.Unimplemented {
		t.Log("this build has no policy: the text of a denial is not tested")
		return
	}
	err = a.Call(ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "c1"}, &protocols.StatsContainerResponse{})
	harness.Refused(t, err, codes.PermissionDenied, "StatsContainerRequest is blocked by policy")
}

func TestRPC11NetworkRepliesAreTheResult(t *testing.T) {
	a := harness.Start(t, harness.Options{Network: true})
	ctx := background(t)
	addNIC(t, a, "dummy7", nicMAC)
	var got protocols.Interface
	if err := a.Call(ctx, "UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: nic()}, &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "eth0" || got.HwAddr != nicMAC || got.Mtu != 1400 || len(got.IPAddresses) != 1 {
		t.Errorf("reply: %v", got.String())
	}
	var list protocols.Interfaces
	if err := a.Call(ctx, "ListInterfaces", &protocols.ListInterfacesRequest{}, &list); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list.Interfaces, func(i *protocols.Interface) bool { return i.Name == "eth0" })
	if i < 0 || list.Interfaces[i].Mtu != 1400 || !strings.EqualFold(list.Interfaces[i].HwAddr, nicMAC) {
		t.Errorf("interfaces: %v", list.String())
	}

	var routes protocols.Routes
	request := &protocols.UpdateRoutesRequest{Routes: &protocols.Routes{Routes: []*protocols.Route{
		{Gateway: "192.0.2.1", Device: "eth0"},
		{Dest: "198.51.100.0/24", Device: "eth0", Scope: 253},
	}}}
	if err := a.Call(ctx, "UpdateRoutes", request, &routes); err != nil {
		t.Fatal(err)
	}
	for _, dest := range []string{"198.51.100.0/24", "192.0.2.0/24"} {
		if !slices.ContainsFunc(routes.Routes, func(r *protocols.Route) bool { return r.Dest == dest && r.Device == "eth0" }) {
			t.Errorf("no route to %s in the reply: %v", dest, routes.String())
		}
	}
	if !slices.ContainsFunc(routes.Routes, func(r *protocols.Route) bool { return r.Gateway == "192.0.2.1" }) {
		t.Errorf("no default route in the reply: %v", routes.String())
	}
	neighbors := &protocols.AddARPNeighborsRequest{Neighbors: &protocols.ARPNeighbors{ARPNeighbors: []*protocols.ARPNeighbor{{
		ToIPAddress: &protocols.IPAddress{Address: "192.0.2.1"}, Device: "eth0", Lladdr: "02:00:ca:fe:00:02", State: 0x80,
	}}}}
	if err := a.Do(ctx, "AddARPNeighbors", neighbors); err != nil {
		t.Error(err)
	}
}
