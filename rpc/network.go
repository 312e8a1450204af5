// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/network"
	"github.com/kata-containers/kata-agent/guest/network/iptables"
	"github.com/kata-containers/kata-agent/guest/network/netlink"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
)

func (s *Service) networkRoutes() []server.Route {
	return []server.Route{
		unary("UpdateInterface", s.updateInterface),
		unary("UpdateRoutes", s.updateRoutes),
		unary("ListInterfaces", s.listInterfaces),
		unary("ListRoutes", s.listRoutes),
		empty("AddARPNeighbors", s.addARPNeighbors),
		unary("GetIPTables", s.getIPTables),
		unary("SetIPTables", s.setIPTables),
	}
}

// updateInterface answers with the interface as asked for, which hosts take for the
// resulting state. A NIC that is named by its place is waited for first.
func (s *Service) updateInterface(ctx context.Context, q *protocols.UpdateInterfaceRequest) (*protocols.Interface, error) {
	want := q.Interface
	if want == nil {
		return nil, fmt.Errorf("%w update interface request", errMissing)
	}
	device := ""
	if want.DevicePath != "" {
		var err error
		if device, err = s.agent.WaitNIC(ctx, want.DevicePath); err != nil {
			return nil, fmt.Errorf("update interface: interface not available: %w", err)
		}
	}
	err := s.changeNetwork(ctx, func(h *netlink.Handle) error {
		if device != "" && want.HwAddr != "" {
			s.warn(h.MatchMAC(device, want.HwAddr))
		}
		return h.UpdateInterface(plainInterface(want))
	})
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
	err := s.changeNetwork(ctx, func(h *netlink.Handle) error {
		if err := h.UpdateRoutes(plainRoutes(q.Routes.Routes)); err != nil {
			return err
		}
		var err error
		now, err = h.ListRoutes()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("Failed to update routes: %w", err) //nolint:staticcheck // the words of all Kata agents
	}
	return wireRoutes(now), nil
}

func (s *Service) addARPNeighbors(ctx context.Context, q *protocols.AddARPNeighborsRequest) error {
	if q.Neighbors == nil {
		return fmt.Errorf("%w add arp neighbours request", errMissing)
	}
	err := s.changeNetwork(ctx, func(h *netlink.Handle) error {
		return h.AddARPNeighbors(plainNeighbors(q.Neighbors.ARPNeighbors))
	})
	if err != nil {
		return fmt.Errorf("Failed to add ARP neighbours: %w", err) //nolint:staticcheck // the words of all Kata agents
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
	return wireInterfaces(list), nil
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
	return wireRoutes(list), nil
}

func (s *Service) getIPTables(ctx context.Context, q *protocols.GetIPTablesRequest) (*protocols.GetIPTablesResponse, error) {
	data, err := iptables.New().Get(ctx, iptables.Family(q.IsIpv6))
	if err != nil {
		return nil, err
	}
	return &protocols.GetIPTablesResponse{Data: data}, nil
}

func (s *Service) setIPTables(ctx context.Context, q *protocols.SetIPTablesRequest) (*protocols.SetIPTablesResponse, error) {
	var data []byte
	err := s.serialize(ctx, func(ctx context.Context) (err error) {
		data, err = iptables.New().Set(ctx, iptables.Family(q.IsIpv6), q.Data)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &protocols.SetIPTablesResponse{Data: data}, nil
}

// changeNetwork makes a change after all those asked for before it.
func (s *Service) changeNetwork(ctx context.Context, change func(*netlink.Handle) error) error {
	return s.serialize(ctx, func(context.Context) error {
		h, err := openNetlink()
		if err != nil {
			return err
		}
		defer h.Close()
		return change(h)
	})
}

func (s *Service) serialize(ctx context.Context, work func(context.Context) error) error {
	_, err := core.Ask(ctx, s.agent.Network, &network.Change{Work: work})
	return err
}

func openNetlink() (*netlink.Handle, error) { return netlink.New("/proc", "/sys") }
