// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/network"
	"github.com/kata-containers/kata-agent/guest/network/iptables"
	"github.com/kata-containers/kata-agent/guest/network/netlink"
	"github.com/kata-containers/kata-agent/guest/sys/netdev"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
	"github.com/kata-containers/kata-agent/rpc/server"
)

func (s *Service) networkMethods() []server.Method {
	return []server.Method{
		blocking("UpdateInterface", s.updateInterface),
		blocking("UpdateRoutes", s.updateRoutes),
		blocking("ListInterfaces", s.listInterfaces),
		blocking("ListRoutes", s.listRoutes),
		empty("AddARPNeighbors", s.addARPNeighbors),
		blocking("GetIPTables", s.getIPTables),
		blocking("SetIPTables", s.setIPTables),
	}
}

// updateInterface answers with the interface as asked for, which hosts take for the
// resulting state. A NIC that is named by its place is waited for first.
func (s *Service) updateInterface(ctx context.Context, q *protocols.UpdateInterfaceRequest) (*protocols.Interface, error) {
	want := q.Interface
	if want == nil {
		return nil, fmt.Errorf("%w update interface request", errMissing)
	}
	link, err := convert.Interface(want)
	if err != nil {
		return nil, fmt.Errorf("update interface: %w", err)
	}
	plugged := ""
	if want.DevicePath != "" {
		if plugged, err = s.agent.WaitNIC(ctx, want.DevicePath); err != nil {
			return nil, fmt.Errorf("update interface: interface not available: %w", err)
		}
	}
	_, err = core.Ask(ctx, s.agent.Network, &network.UpdateInterface{Want: link, Plugged: plugged})
	if err != nil {
		return nil, fmt.Errorf("update interface: %w", err)
	}
	return want, nil
}

// updateRoutes answers with the main table as it is then.
func (s *Service) updateRoutes(ctx context.Context, q *protocols.UpdateRoutesRequest) (*protocols.Routes, error) {
	if q.Routes == nil {
		return nil, fmt.Errorf("%w update routes request", errMissing)
	}
	var now []netlink.Route
	want, err := convert.Routes(q.Routes.Routes)
	if err == nil {
		now, err = core.Ask(ctx, s.agent.Network, &network.UpdateRoutes{Want: want})
	}
	if err != nil {
		return nil, fmt.Errorf("Failed to update routes: %w", err) // the words of all Kata agents
	}
	return convert.WireRoutes(now), nil
}

func (s *Service) addARPNeighbors(ctx context.Context, q *protocols.AddARPNeighborsRequest) error {
	if q.Neighbors == nil {
		return fmt.Errorf("%w add arp neighbours request", errMissing)
	}
	add, err := convert.Neighbors(q.Neighbors.ARPNeighbors)
	if err == nil {
		_, err = core.Ask(ctx, s.agent.Network, &network.AddNeighbors{Add: add})
	}
	if err != nil {
		return fmt.Errorf("Failed to add ARP neighbours: %w", err) // the words of all Kata agents
	}
	return nil
}

func (s *Service) listInterfaces(context.Context, *protocols.ListInterfacesRequest) (*protocols.Interfaces, error) {
	h, err := openNetlink()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	list, err := h.ListInterfaces()
	if err != nil {
		return nil, err
	}
	return convert.WireInterfaces(list), nil
}

func (s *Service) listRoutes(context.Context, *protocols.ListRoutesRequest) (*protocols.Routes, error) {
	h, err := openNetlink()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	list, err := h.ListRoutes()
	if err != nil {
		return nil, err
	}
	return convert.WireRoutes(list), nil
}

func (s *Service) getIPTables(ctx context.Context, q *protocols.GetIPTablesRequest) (*protocols.GetIPTablesResponse, error) {
	data, err := iptables.New().Get(ctx, iptables.Family(q.IsIpv6))
	if err != nil {
		return nil, err
	}
	return &protocols.GetIPTablesResponse{Data: data}, nil
}

func (s *Service) setIPTables(ctx context.Context, q *protocols.SetIPTablesRequest) (*protocols.SetIPTablesResponse, error) {
	data, err := core.Ask(ctx, s.agent.Network, &network.SetIPTables{Family: iptables.Family(q.IsIpv6), Rules: q.Data})
	if err != nil {
		return nil, err
	}
	return &protocols.SetIPTablesResponse{Data: data}, nil
}

func openNetlink() (*netlink.Handle, error) { return netlink.New("/proc") }

// podNetworkStats are the counters of the pod's links, which all its containers share; the loopback is
// none of them. They are read from procfs: it takes no socket.
func podNetworkStats() ([]*protocols.NetworkStats, error) {
	list, err := netdev.Read("/proc", "self")
	if err != nil {
		return nil, err
	}
	out := make([]*protocols.NetworkStats, 0, len(list))
	for _, c := range list {
		if c.Name == "lo" {
			continue
		}
		out = append(out, &protocols.NetworkStats{
			Name:    convert.WireText(c.Name),
			RxBytes: c.RxBytes, RxPackets: c.RxPackets, RxErrors: c.RxErrors, RxDropped: c.RxDropped,
			TxBytes: c.TxBytes, TxPackets: c.TxPackets, TxErrors: c.TxErrors, TxDropped: c.TxDropped,
		})
	}
	return out, nil
}
