// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"

	"github.com/kata-containers/kata-agent/guest/device"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/protocols"
)

// getGuestDetails says what the guest can. The Go host passes seccomp profiles only to an
// agent that supports them.
func (s *Service) getGuestDetails(_ context.Context, q *protocols.GuestDetailsRequest) (*protocols.GuestDetailsResponse, error) {
	out := &protocols.GuestDetailsResponse{AgentDetails: &protocols.AgentDetails{
		Version:         s.options.Version,
		InitDaemon:      s.options.InitMode,
		DeviceHandlers:  device.Types(),
		StorageHandlers: storageHandlers(),
		SupportsSeccomp: SeccompBuilt,
		ExtraFeatures:   s.options.Features,
	}}
	return out, s.memoryDetails(q, out)
}

func storageHandlers() []string {
	var names []string
	for _, d := range volume.Registered() {
		if d.Announced {
			names = append(names, d.Name)
		}
	}
	return names
}
