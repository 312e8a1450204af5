// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
)

func (s *Service) networkRoutes() []server.Route {
	return []server.Route{
		unsupported[protocols.UpdateInterfaceRequest]("UpdateInterface"),
	}
}
