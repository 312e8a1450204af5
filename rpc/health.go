// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
)

// Health is answered at the frame: it waits for nothing, whatever else goes on.
func (s *Service) healthMethods() []server.Method {
	return []server.Method{
		server.Inline(healthService, "Check", func(*protocols.CheckRequest) (*protocols.HealthCheckResponse, error) {
			return &protocols.HealthCheckResponse{Status: protocols.HealthCheckResponse_SERVING}, nil
		}),
		server.Inline(healthService, "Version", func(*protocols.CheckRequest) (*protocols.VersionCheckResponse, error) {
			return &protocols.VersionCheckResponse{GrpcVersion: APIVersion, AgentVersion: s.options.Version}, nil
		}),
	}
}
