// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/storage/filesystem"
	"github.com/kata-containers/kata-agent/guest/storage/fsgroup"
	"github.com/kata-containers/kata-agent/guest/storage/share"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

func (s *Service) volumeMethods() []server.Method {
	return []server.Method{
		empty("UpdateEphemeralMounts", s.updateEphemeralMounts),
		empty("RemoveStaleVirtiofsShareMounts", s.removeStaleShareMounts),
		blocking("GetVolumeStats", s.getVolumeStats),
		empty("ResizeVolume", s.resizeVolume),
	}
}

// updateEphemeralMounts changes the options of memory volumes, mostly their size. An
// empty list is what the Go host sends when there are none.
func (s *Service) updateEphemeralMounts(_ context.Context, q *protocols.UpdateEphemeralMountsRequest) error {
	drivers := &volume.Drivers{}
	for _, v := range volumes(q.Storages) {
		if v.Driver != "ephemeral" {
			return fmt.Errorf("Failed to update mounts: Unsupported storage type for syncing mounts %s. Only ephemeral storage update is supported", v.Driver) // the words of all Kata agents
		}
		if err := drivers.UpdateEphemeral(v); err != nil {
			return fmt.Errorf("Failed to update mounts: %w", err) // the words of all Kata agents
		}
	}
	return nil
}

// removeStaleShareMounts makes the share's server let go of what is gone. Hosts take an
// error for fatal, so whatever hangs or fails is only logged. A look at what is gone fails:
// that is the purpose, and happens with each container that is removed.
func (s *Service) removeStaleShareMounts(ctx context.Context, _ *protocols.RemoveStaleVirtiofsShareMountsRequest) error {
	warnings, err := s.shares.Visit(ctx)
	for _, w := range warnings {
		if errors.Is(w, share.ErrNoAnswer) || errors.Is(w, context.DeadlineExceeded) {
			s.warn(fmt.Errorf("RemoveStaleVirtiofsShareMounts: %w", w))
			continue
		}
		s.options.Log.Debug("a mount of the share is stale", zap.Error(w))
	}
	if err != nil {
		s.warn(fmt.Errorf("RemoveStaleVirtiofsShareMounts: %w", err))
	}
	return nil
}

func (s *Service) getVolumeStats(ctx context.Context, q *protocols.VolumeStatsRequest) (*protocols.VolumeStatsResponse, error) {
	u, err := filesystem.Stat(ctx, q.VolumeGuestPath)
	if err != nil {
		return nil, err
	}
	condition := &protocols.VolumeCondition{Message: "OK"}
	if lost, err := filesystem.Lost(ctx, "/sys", q.VolumeGuestPath); err != nil {
		return nil, err
	} else if lost {
		condition = &protocols.VolumeCondition{Abnormal: true, Message: "the disk of this volume is gone"}
	}
	return &protocols.VolumeStatsResponse{
		Usage: []*protocols.VolumeUsage{
			usage(u.Bytes, protocols.VolumeUsage_BYTES), usage(u.Inodes, protocols.VolumeUsage_INODES),
		},
		VolumeCondition: condition,
	}, nil
}

func usage(c filesystem.Count, unit protocols.VolumeUsage_Unit) *protocols.VolumeUsage {
	return &protocols.VolumeUsage{Total: c.Total, Available: c.Available, Used: c.Used, Unit: unit}
}

// resizeVolume grows the file system of a volume to its size in bytes.
func (s *Service) resizeVolume(ctx context.Context, q *protocols.ResizeVolumeRequest) error {
	return filesystem.Grower{}.Grow(ctx, q.VolumeGuestPath, q.Size_)
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
