// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// The spec of a container is the host's, changed step by step into what libcontainer makes
// in the guest. These are the steps, in their order; nothing else changes it:
//
//  1. convert.Spec (rpc): the words of both OCI libraries become those of the runtime
//     specification, absent parts get their defaults, and what is malformed is refused.
//  2. putDevices: numbers, names and addresses of the devices become the guest's, and CDI
//     devices bring their mounts, hooks and environment.
//  3. confide: the process of the guest's own pause image, the secrets that the host has sealed.
//  4. shareNamespaces: the pod's namespaces.
//  5. mergeHooks: the guest image's hooks.
//  6. placeCgroup: the cgroups path in the form of the driver in use.
//  7. openSources: changes nothing, but refuses sources of binds that may not be.
//  8. makeBundle: the root becomes the bundle's rootfs. config.json is written here, and has
//     what the steps above give.
//  9. runtime.Create: what this guest's kernel does not have is refused or passed over, see
//     fitSpec there.
//
// The storages are attached between 2 and 3: a root may lie on one, and none is mounted for a
// container whose devices do not come.

// putDevices waits for the devices and puts them into the spec.
func (c *container) putDevices(ctx context.Context, m *Create, out *made) (err error) {
	if c.options.Devices == nil {
		return nil
	}
	return core.Step(ctx, core.StepDevices, "", func(ctx context.Context) error {
		out.pci, err = c.options.Devices(ctx, m.Spec, m.Devices)
		return err
	})
}

// shareNamespaces puts the pod's namespaces into the spec: ipc and uts where the spec
// has an entry, pid always, in place of what the spec says (hosts strip it).
func shareNamespaces(m *Create) {
	if m.Spec.Linux == nil {
		m.Spec.Linux = &specs.Linux{}
	}
	kept := m.Spec.Linux.Namespaces[:0]
	for _, ns := range m.Spec.Linux.Namespaces {
		switch ns.Type {
		case specs.IPCNamespace:
			ns.Path = m.IPC
		case specs.UTSNamespace:
			ns.Path = m.UTS
			if ns.Path != "" {
				m.Spec.Hostname = "" // the pod's namespace has its name
			}
		case specs.PIDNamespace:
			continue
		}
		kept = append(kept, ns)
	}
	kept = append(kept, specs.LinuxNamespace{Type: specs.PIDNamespace, Path: m.PID.Path()})
	m.Spec.Linux.Namespaces = kept
}

// mergeHooks puts the guest image's hooks before the spec's own.
func mergeHooks(spec *specs.Spec, guest *specs.Hooks) {
	if guest == nil {
		return
	}
	if spec.Hooks == nil {
		spec.Hooks = &specs.Hooks{}
	}
	h := spec.Hooks
	h.Prestart = append(clone(guest.Prestart), h.Prestart...) // deprecated, still what guest images have
	h.Poststart = append(clone(guest.Poststart), h.Poststart...)
	h.Poststop = append(clone(guest.Poststop), h.Poststop...)
}

func clone(h []specs.Hook) []specs.Hook { return append([]specs.Hook(nil), h...) }

// placeCgroup tells also whether the driver is systemd's.
func (c *container) placeCgroup(spec *specs.Spec) (systemd bool) {
	driver := c.options.Cgroup.Choose(spec.Linux.CgroupsPath, string(c.id))
	spec.Linux.CgroupsPath = driver.Path
	return driver.Systemd
}

// makeBundle makes the bundle, whose directory it returns.
func (c *container) makeBundle(ctx context.Context, spec *specs.Spec, out *made) (dir string, err error) {
	out.undo.add("bundle", func(context.Context) error { return bundle.Remove(c.options.BundleRoot, string(c.id)) })
	err = core.Step(ctx, core.StepBundle, "", func(context.Context) error {
		b, err := bundle.Make(c.options.BundleRoot, string(c.id), spec, c.options.Mounts.OpenSource)
		if err == nil {
			dir = b.Dir()
		}
		return err
	})
	return dir, err
}
