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
