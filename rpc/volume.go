// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/fsgroup"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
)

func (s *Service) volumeRoutes() []server.Route {
	return []server.Route{
		unsupported[protocols.UpdateEphemeralMountsRequest]("UpdateEphemeralMounts"),
	}
}

// volumes is the plain form of a request's storages.
func volumes(in []*protocols.Storage) []storage.Volume {
	var out []storage.Volume
	for _, s := range in {
		v := storage.Volume{
			Driver: s.Driver, DriverOptions: s.DriverOptions, Source: s.Source,
			FSType: s.Fstype, Options: s.Options, MountPoint: s.MountPoint, Shared: s.Shared,
		}
		if g := s.FsGroup; g != nil {
			v.FSGroup = &fsgroup.Group{ID: g.GroupId}
			if g.GroupChangePolicy == protocols.FSGroupChangePolicy_OnRootMismatch {
				v.FSGroup.Policy = fsgroup.OnRootMismatch
			}
		}
		out = append(out, v)
	}
	return out
}
