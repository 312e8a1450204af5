// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/sandbox"
	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/network/dns"
	"go.uber.org/zap"
)

// Inherit takes over what an agent that has died has left, as far as its journal knows it, and clears
// the rest, such as containers that it was making. It comes before anybody can ask for something.
func (r *Run) Inherit(ctx context.Context, a *Agent) {
	if !r.inherit {
		return
	}
	in := inheritance{agent: a, run: r}
	warn := func(err error) {
		if err != nil {
			r.log.Warn("of what an agent before has left not all can be taken over", zap.Error(err))
		}
	}
	warn(in.read())
	clearDead(r.claim, in.keep(), r.log)
	warn(in.tell(ctx))
}

// inheritance is what is taken over.
type inheritance struct {
	agent      *Agent
	run        *Run
	sandbox    *sandbox.Record
	containers []*container.Inherit
	mounts     []storage.Mount
}

// read finds what the journal says, and drops from it what is not there.
func (in *inheritance) read() error {
	j := in.run.journal
	var err error
	if in.sandbox, err = sandbox.Recorded(j); err != nil {
		return err
	}
	left, err := container.Records(j)
	errs := []error{err}
	for _, r := range left.Containers {
		c, err := in.container(r)
		if err != nil {
			errs = append(errs, err, container.Drop(j, r.ID))
			continue
		}
		if status, ok := left.Status(r.ID, id.Exec(r.ID)); ok {
			c.Init.HasEnded(status)
		}
		in.containers = append(in.containers, c)
	}
	for _, s := range left.AllSessions() {
		if err := in.session(s, &left); err != nil {
			errs = append(errs, err)
		}
	}
	mounts, err := storage.Mounts(j)
	errs = append(errs, err)
	for _, m := range mounts {
		m.Holders = slices.DeleteFunc(m.Holders, func(holder string) bool { return !in.holds(holder) })
		if len(m.Holders) == 0 && !(in.sandbox != nil && (m.Shared || m.Keep)) {
			errs = append(errs, storage.Drop(j, m.MountPoint))
			continue
		}
		in.mounts = append(in.mounts, m)
	}
	return errors.Join(errs...)
}

// container finds one container.
func (in *inheritance) container(r container.Record) (*container.Inherit, error) {
	dir := filepath.Join(bundleRoot, string(r.ID))
	spec, err := bundle.Load(dir)
	if err != nil {
		return nil, err
	}
	if r.Resources != nil {
		spec.Linux.Resources = r.Resources
	}
	rt, init, err := runtime.Inherit(in.agent.containers.Runtime, runtime.CreateOptions{
		ID: string(r.ID), Bundle: dir, Spec: spec, SystemdCgroup: r.SystemdCgroup,
	})
	if err != nil {
		return nil, err
	}
	return &container.Inherit{
		Record: r, Spec: spec, OS: rt, Init: init, Frozen: rt.Frozen(), Sessions: map[id.Exec]*runtime.Process{},
	}, nil
}

// session finds a session of a container that is taken over. One that has ended meanwhile is found too:
// somebody may wait for it.
func (in *inheritance) session(s container.Session, left *container.Left) error {
	i := slices.IndexFunc(in.containers, func(c *container.Inherit) bool { return c.Record.ID == s.Container })
	if i < 0 {
		return container.DropSession(in.run.journal, s)
	}
	p, err := in.agent.containers.Runtime.InheritProcess(s.Pid, s.Start)
	if err != nil {
		return fmt.Errorf("session %q of container %q: %w", s.Exec, s.Container, err)
	}
	if status, ok := left.Status(s.Container, s.Exec); ok {
		p.HasEnded(status)
	}
	in.containers[i].Sessions[s.Exec] = p
	return nil
}

func (in *inheritance) holds(holder string) bool {
	if holder == "" {
		return in.sandbox != nil
	}
	return slices.ContainsFunc(in.containers, func(c *container.Inherit) bool { return string(c.Record.ID) == holder })
}

func (in *inheritance) keep() kept {
	k := kept{sandbox: in.sandbox != nil, killed: in.run.killed}
	for _, c := range in.containers {
		k.containers = append(k.containers, string(c.Record.ID))
	}
	for _, m := range in.mounts {
		k.mounts = append(k.mounts, m.MountPoint)
	}
	return k
}

// tell gives everything to the actors that own it from now on.
func (in *inheritance) tell(ctx context.Context) error {
	var errs []error
	m := &sandbox.Inherit{Record: in.sandbox, Containers: in.containers}
	if in.sandbox != nil {
		ns := in.sandbox.Namespaces
		m.Undo = append(m.Undo, func() error {
			return errors.Join(namespace.Shared{Path: ns.UTS}.Release(), namespace.Shared{Path: ns.IPC}.Release())
		})
		if in.sandbox.HookPath != "" {
			hooks, err := bundle.ScanHooks(in.sandbox.HookPath)
			m.Hooks, errs = hooks, append(errs, err)
		}
	}
	for _, mount := range in.mounts {
		_, err := core.Ask(ctx, in.agent.Storage, &storage.Inherit{Mount: mount})
		errs = append(errs, err)
		for _, holder := range mount.Holders {
			if holder == "" {
				m.Undo = append(m.Undo, in.release(ctx, mount.MountPoint))
			}
		}
	}
	if in.sandbox != nil {
		m.Undo = append(m.Undo, func() error {
			_, err := dns.ResolvConf{}.Clear()
			return err
		})
	}
	kept, err := core.Ask(ctx, in.agent.Sandbox, m)
	for _, c := range in.containers {
		// Waited for: reads of their streams take no turn, and may come as soon as the agent listens.
		if ref, ok := in.agent.Containers.Get(c.Record.ID); ok {
			_, err := core.Ask(ctx, ref, c)
			errs = append(errs, err)
		}
	}
	in.run.log.Info("containers of an agent that has died go on", zap.Any("containers", kept))
	return errors.Join(append(errs, err)...)
}

// release is the undo of a storage of the sandbox.
func (in *inheritance) release(ctx context.Context, mountPoint string) func() error {
	return func() error {
		_, err := core.Ask(context.WithoutCancel(ctx), in.agent.Storage, &storage.Release{MountPoint: mountPoint, Undo: true})
		return err
	}
}
