// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/components/sealed"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Hub is what the Confidential Data Hub does for containers. Its calls end with ctx, or when they have
// taken too long.
type Hub interface {
	sealed.Unsealer
	// Present tells whether the guest has one.
	Present() bool
}

// secretsDir is where the unsealed files of a container are, in its bundle.
const secretsDir = "secrets"

// attachTrusted mounts the store for images if the container brings the disk for it.
func (c *container) attachTrusted(ctx context.Context, m *Create, undo *undoList) error {
	if m.Spec.Linux == nil {
		return nil
	}
	for _, d := range m.Spec.Linux.Devices {
		if d.Path == volume.TrustedDevice {
			return c.attach(ctx, volume.Trusted(d.Major, d.Minor), undo)
		}
	}
	return nil
}

// confide puts into the spec what the host does not have: the guest's own pause process, and secrets.
func (c *container) confide(ctx context.Context, m *Create, out *made) error {
	if err := c.pauseProcess(m); err != nil {
		return err
	}
	return c.unseal(ctx, m.Spec, out)
}

// pauseProcess puts the process of the guest's pause image into the spec of a pause container that has
// that image as its root.
func (c *container) pauseProcess(m *Create) error {
	pulled := slices.ContainsFunc(m.Storages, func(s volume.Storage) bool { return s.Driver == volume.GuestPull })
	if !pulled || !volume.IsSandbox(m.Spec.Annotations) {
		return nil
	}
	p, err := c.options.PauseProcess()
	if err == nil {
		m.Spec.Process = p
	}
	return err
}

// unseal puts the secrets into the environment of the spec, and over the sealed files of its mounts.
func (c *container) unseal(ctx context.Context, spec *specs.Spec, out *made) error {
	if c.options.Hub == nil || spec.Process == nil {
		return nil
	}
	return core.Step(ctx, core.StepUnseal, "", func(ctx context.Context) error {
		return c.unsealSpec(ctx, spec, out)
	})
}

func (c *container) unsealSpec(ctx context.Context, spec *specs.Spec, out *made) (err error) {
	hub := c.options.Hub
	if spec.Process.Env, err = sealed.Env(ctx, hub, spec.Process.Env); err != nil || !hub.Present() {
		return err
	}
	volumes := c.secretVolumes(spec.Mounts)
	out.undo.add("secrets", func(context.Context) error { return bundle.Remove(c.options.BundleRoot, string(c.id)) })
	files := sealed.Files{
		Hub: hub, Mounts: c.options.Mounts, Dir: filepath.Join(c.options.BundleRoot, string(c.id), secretsDir),
	}
	over, err := files.Unseal(ctx, volumes)
	if err != nil {
		return fmt.Errorf("sealed secrets: %w", err)
	}
	spec.Mounts = mountOver(spec.Mounts, over)
	return nil
}

// neverSealed end the sources of what hosts mount into every container.
var neverSealed = []string{"resolv.conf", "termination-log", "hostname", "hosts", "serviceaccount"}

// secretVolumes are the mounts, by their place in the spec, that come from the host and may hold
// secrets; others have no source.
func (c *container) secretVolumes(mounts []specs.Mount) []sealed.Volume {
	shared := filepath.Join(c.options.BundleRoot, "shared", "containers") + "/"
	volumes := make([]sealed.Volume, 0, len(mounts))
	for _, m := range mounts {
		source := path.Clean(m.Source)
		never := slices.ContainsFunc(neverSealed, func(end string) bool { return strings.HasSuffix(source, end) })
		if !isBind(m) || never || !strings.HasPrefix(source, shared) {
			source = ""
		}
		volumes = append(volumes, sealed.Volume{Source: source, Destination: m.Destination})
	}
	return volumes
}

// mountOver puts each unsealed file behind the mount that has the sealed one.
func mountOver(mounts []specs.Mount, over []sealed.Over) []specs.Mount {
	if len(over) == 0 {
		return mounts
	}
	all := make([]specs.Mount, 0, len(mounts)+len(over))
	for i, m := range mounts {
		all = append(all, m)
		for _, o := range over {
			if o.Volume == i {
				all = append(all, specs.Mount{
					Source: o.Source, Destination: o.Destination, Type: "bind",
					Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"},
				})
			}
		}
	}
	return all
}
