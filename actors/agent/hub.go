// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/components/cdh"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// hub is the Confidential Data Hub, for storages and for containers.
type hub struct{ *cdh.Client }

// PullImage is a step of its own: it may take as long as its limit.
func (h hub) PullImage(ctx context.Context, image, bundle string) error {
	return core.Step(ctx, core.StepPull, image, func(ctx context.Context) error {
		_, err := h.Client.PullImage(ctx, image, bundle)
		return err
	})
}

// SecureMount makes a mount.
func (h hub) SecureMount(ctx context.Context, m volume.SecureMount) error {
	return h.Client.SecureMount(ctx, cdh.Mount{Type: m.VolumeType, Options: m.Options, Point: m.MountPoint})
}
