// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	guest "github.com/kata-containers/kata-agent/guest/device"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/pci"
	"github.com/kata-containers/kata-agent/guest/sys/group"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Preparer puts a container's devices into its spec.
type Preparer struct {
	Resolver
	Sys        string        // mount point of sysfs
	VisibleCDI bool          // agent.visible_cdi_devices: CDI devices from the environment too
	CDITimeout time.Duration // agent.cdi_timeout: bounds the wait for CDI specifications
}

// maxDevices bounds the devices of one container: each is waited for, looked for and has its
// bus scanned.
const maxDevices = 1024

// Prepare waits for all devices side by side, then puts the guest's numbers, names and
// addresses in the place of the host's. The map is for the environment of later sessions.
func (d *Preparer) Prepare(ctx context.Context, spec *specs.Spec, requests []guest.Request) (guest.PCIMap, error) {
	if len(requests) > maxDevices {
		return nil, fmt.Errorf("%d devices are asked for, at most %d are possible", len(requests), maxDevices)
	}
	prepared := make([]preparedDevice, len(requests))
	all, groupCtx := group.WithContext(ctx)
	for i, r := range requests {
		all.Go(func() (err error) {
			if err = r.Validate(); err == nil {
				prepared[i], err = d.one(groupCtx, r)
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	functions, err := apply(spec, requests, prepared)
	if err != nil {
		return nil, err
	}
	return functions, d.injectCDI(ctx, spec)
}

// preparedDevice is one device that is there.
type preparedDevice struct {
	update    *guest.Update // nil: nothing of the spec's devices changes
	functions guest.PCIMap
}

func apply(spec *specs.Spec, requests []guest.Request, prepared []preparedDevice) (guest.PCIMap, error) {
	functions := guest.PCIMap{}
	var updates []guest.Update
	vfio := false
	for i, p := range prepared {
		vfio = vfio || guest.IsVFIO(requests[i].Type)
		if err := functions.Merge(p.functions); err != nil {
			return nil, err
		}
		if p.update != nil {
			updates = append(updates, *p.update)
		}
	}
	if err := guest.Rewrite(spec, updates); err != nil {
		return nil, err
	}
	if vfio {
		if err := guest.AddInfiniband(spec, "/dev"); err != nil {
			return nil, err
		}
	}
	if spec.Process != nil && len(functions) > 0 {
		env, _, err := guest.RewriteEnv(spec.Process.Env, functions)
		if err != nil {
			return nil, err
		}
		spec.Process.Env = env
	}
	return functions, nil
}

// one waits for a device.
func (d *Preparer) one(ctx context.Context, r guest.Request) (preparedDevice, error) {
	switch r.Type {
	case guest.TypeVFIO, guest.TypeVFIOKernel:
		return d.vfio(ctx, r)
	case guest.TypeVFIOAP, guest.TypeVFIOAPCold:
		return d.cryptoQueues(ctx, r)
	}
	m, err := r.Matcher()
	if err != nil {
		return preparedDevice{}, err
	}
	e, err := d.await(ctx, m)
	if err != nil {
		return preparedDevice{}, fmt.Errorf("device %s: %w", r.ContainerPath, err)
	}
	node, err := guest.StatBlock(e.Node())
	if err != nil {
		return preparedDevice{}, err
	}
	return preparedDevice{update: &guest.Update{ContainerPath: r.ContainerPath, Node: node}}, nil
}

// vfio waits for the PCI functions of a device. Those for a container get the driver that
// hands them on, as one group; those for the guest's kernel keep their drivers.
func (d *Preparer) vfio(ctx context.Context, r guest.Request) (preparedDevice, error) {
	out := preparedDevice{functions: guest.PCIMap{}}
	functions, _, err := r.VFIOFunctions()
	if err != nil {
		return out, err
	}
	var addresses []string
	for _, f := range functions {
		e, err := d.await(ctx, hotplug.PCIFunction{Path: f.Guest})
		if err != nil {
			return out, fmt.Errorf("device %s: %w", r.ContainerPath, err)
		}
		if err := out.add(f, e.Base()); err != nil {
			return out, err
		}
		addresses = append(addresses, e.Base())
	}
	if r.Type == guest.TypeVFIOKernel || len(addresses) == 0 {
		return out, nil
	}
	out.update, err = d.vfioGroup(ctx, r, addresses)
	return out, err
}

// add enters a function that has come under the address guest.
func (p *preparedDevice) add(f guest.VFIOFunction, guest string) error {
	address, err := pci.ParseAddress(guest)
	if err == nil {
		p.functions[f.Host] = address
	}
	return err
}

// vfioGroup binds the functions and waits for the node of their group.
func (d *Preparer) vfioGroup(ctx context.Context, r guest.Request, addresses []string) (*guest.Update, error) {
	for _, a := range addresses {
		if err := guest.BindVFIO(d.Sys, a); err != nil {
			return nil, err
		}
	}
	group, err := guest.IOMMUGroup(d.Sys, addresses)
	if err != nil {
		return nil, err
	}
	e, err := d.await(ctx, hotplug.VFIOGroup{Group: group})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", r.ContainerPath, err)
	}
	node, err := guest.Stat(e.Node())
	return &guest.Update{ContainerPath: r.ContainerPath, Node: node, FinalPath: e.Node()}, err
}

// cryptoNode is the one node of all crypto queues (s390x).
const cryptoNode = "/dev/z90crypt"

func (d *Preparer) cryptoQueues(ctx context.Context, r guest.Request) (preparedDevice, error) {
	queues, err := r.APQueues()
	if err != nil {
		return preparedDevice{}, err
	}
	if _, err := os.Stat(filepath.Join(d.Sys, "bus/ap")); errors.Is(err, fs.ErrNotExist) {
		return preparedDevice{}, fmt.Errorf("device %s of type %s: this machine has no AP bus", r.ContainerPath, r.Type)
	}
	for _, q := range queues {
		if _, err := d.await(ctx, q); err != nil {
			return preparedDevice{}, fmt.Errorf("device %s: %w", r.ContainerPath, err)
		}
	}
	node, err := guest.Stat(cryptoNode)
	if err != nil {
		return preparedDevice{}, err
	}
	return preparedDevice{update: &guest.Update{ContainerPath: r.ContainerPath, Node: node, FinalPath: cryptoNode}}, nil
}

// injectCDI makes the edits of the CDI devices that a container asks for.
func (d *Preparer) injectCDI(ctx context.Context, spec *specs.Spec) error {
	names, err := guest.CDIDevices(spec, d.VisibleCDI)
	if err != nil || len(names) == 0 {
		return err
	}
	return core.Step(ctx, core.StepCDI, "", func(ctx context.Context) error {
		return guest.CDI{Dir: guest.DefaultCDIDir}.Inject(ctx, spec, names, d.CDITimeout)
	})
}
