// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
)

func (s *Service) memoryRoutes() []server.Route {
	return []server.Route{
		unsupported[protocols.OnlineCPUMemRequest]("OnlineCPUMem"),
		unsupported[protocols.MemHotplugByProbeRequest]("MemHotplugByProbe"),
		unsupported[protocols.AddSwapRequest]("AddSwap"),
		unsupported[protocols.AddSwapPathRequest]("AddSwapPath"),
	}
}

// memoryDetails fills the part about memory hotplug.
func (s *Service) memoryDetails(q *protocols.GuestDetailsRequest, out *protocols.GuestDetailsResponse) error {
	return nil
}
