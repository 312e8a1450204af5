// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/device"
	"github.com/kata-containers/kata-agent/guest/storage/erofs"
	"go.uber.org/zap"
)

// Close undoes a create whose actor has died meanwhile.
func (m *made) Close() error { return m.takeBack(context.Background()) }

// takeBack undoes a create that has failed. Its init has no actor that would reap it.
func (m *made) takeBack(ctx context.Context) error {
	m.streams.Close()
	m.streams = process.Streams{}
	m.pid.Release()
	m.pid = nil
	err := m.undo.run(ctx)
	if m.init != nil { // no process actor has it, so nobody else reaps it
		m.init.KillAndReap()
		m.init = nil
	}
	return err
}

// killTimeout bounds the wait for a killed init to exit.
const killTimeout = 10 * time.Second

// made is the result of a create's work.
type made struct {
	os      *runtime.Container
	init    *runtime.Process
	streams process.Streams
	undo    undoList
	pci     device.PCIMap
	record  *Record
	pid     *namespace.PID // init's, if it is to be shared
}

func (c *container) create(t *core.Turn, m *Create) {
	if c.options.Views != nil {
		c.options.Views.Put(c.id, &c.view)
	}
	if err := m.Context().Err(); err != nil { // nobody waits for it any more: it is not begun
		m.PID.Release()
		c.createFailed(t, m, undoList{}, err)
		return
	}
	wanted := c.begin(core.StepCreate, m.Context())
	log := t.Log()
	out := &made{} // here, and not the work's, whose panic it outlives
	core.Go(t, func(actor context.Context) (*made, error) {
		ctx, cancel := core.Join(actor, wanted)
		defer cancel()
		defer m.PID.Release()
		err := core.Guard(func() error {
			err := core.Step(ctx, core.StepCreate, "", func(ctx context.Context) error { return c.make(ctx, m, out) })
			if err != nil {
				return err
			}
			return ctx.Err() // the caller has gone: nobody would ever remove it
		}, func() {
			if err := out.takeBack(core.Detach(actor, wanted)); err != nil {
				log.Error("undo of a failed create", zap.Error(err))
			}
		})
		return out, err
	}, func(t *core.Turn, stands *made, err error) {
		if err != nil {
			c.createFailed(t, m, out.undo, err)
			return
		}
		if !m.Claim() {
			c.abandonCreated(t, m, stands)
			return
		}
		c.os, c.spec, c.undo, c.pci, c.record = stands.os, m.Spec, stands.undo, stands.pci, stands.record
		if err := c.adopt(t, c.initID(), stands.init, stands.streams); err != nil {
			stands.pid.Release()
			c.giveUpCreated(t, m, err)
			return
		}
		c.undo.stands = true
		c.view.pid.Store(int32(stands.init.Pid))
		c.enterState(created)
		c.parent.Tell(Created{ID: c.id, PID: stands.pid})
		m.Reply(struct{}{}, nil)
		c.end(t)
	})
}

// abandonCreated undoes a container whose creator has gone at the last moment: nobody would remove it.
func (c *container) abandonCreated(t *core.Turn, m *Create, stands *made) {
	log, cid := t.Log(), string(c.id)
	core.Go(t, func(actor context.Context) (undoList, error) {
		err := stands.takeBack(core.About(context.WithoutCancel(actor), cid))
		if err != nil {
			log.Error("undo of a create that nobody waits for", zap.Error(err))
		}
		return stands.undo, err
	}, func(t *core.Turn, left undoList, _ error) {
		c.createFailed(t, m, left, context.Cause(m.Context()))
	})
}

// giveUpCreated undoes a container that stands but whose init cannot be watched.
func (c *container) giveUpCreated(t *core.Turn, m *Create, cause error) {
	undo, cid := c.undo, string(c.id)
	core.Go(t, func(actor context.Context) (struct{}, error) {
		return struct{}{}, undo.run(core.About(context.WithoutCancel(actor), cid))
	}, func(t *core.Turn, _ struct{}, err error) {
		c.createFailed(t, m, undo, errors.Join(cause, err))
	})
}

// The time between two tries to undo a failed create, at first and at most. What made the create
// fail, such as a lack of descriptors, may make its undo fail too.
const (
	undoPause    = 100 * time.Millisecond
	undoPauseMax = 10 * time.Second
)

// createFailed answers a create, and ends the actor when everything is undone. Until then
// it tries again, and so does a removal.
func (c *container) createFailed(t *core.Turn, m *Create, left undoList, err error) {
	if errors.Is(err, context.Canceled) && c.removing {
		err = ErrGivenUp
	}
	err = c.naming("create", err)
	if len(left.steps) > 0 {
		c.undo, c.retry = left, undoPause
		c.enterState(stopped)
		m.Reply(struct{}{}, err)
		t.After(c.retry, undoAgain{})
		c.end(t)
		return
	}
	c.forgotten()
	m.Reply(struct{}{}, err)
	for _, r := range c.removals {
		r.Reply(struct{}{}, nil)
	}
	t.Stop(err)
}

// make does the work of a create, beside the mailbox. Each step enters its undo before
// the next begins; on error the caller runs them.
func (c *container) make(ctx context.Context, m *Create, out *made) error {
	out.streams.Passed = c.claim(ctx, m.Ports) // first: a create that fails closes them
	if err := c.putDevices(ctx, m, out); err != nil {
		return err
	}
	out.undo.add("directory", func(context.Context) error {
		return bundle.RemoveEmpty(c.options.BundleRoot, string(c.id))
	})
	if err := c.attachAll(ctx, m, &out.undo); err != nil {
		return err
	}
	if err := c.confide(ctx, m, out); err != nil {
		return err
	}
	shareNamespaces(m)
	mergeHooks(m.Spec, m.GuestHooks)
	systemd := c.placeCgroup(m.Spec)
	sources, err := openSources(c.options.Mounts, m.Spec)
	if err != nil {
		return err
	}
	defer sources.close()
	dir, err := c.makeBundle(ctx, m.Spec, out)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	err = c.run(ctx, m, runtime.CreateOptions{
		ID: string(c.id), Bundle: dir, Spec: m.Spec, SystemdCgroup: systemd,
	}, out)
	if err != nil {
		return err
	}
	if err := sources.check(c.options.Runtime.Proc, out.init.Pid); err != nil {
		return err
	}
	if err := c.share(ctx, m.Shared, out.init, m.Spec.Root.Path); err != nil {
		return err
	}
	c.note(out, m, systemd) // last: what the journal has stands
	return nil
}

// run has the runtime make the container.
func (c *container) run(ctx context.Context, m *Create, p runtime.CreateOptions, out *made) error {
	own, pipes, err := c.openStdio(m.Spec.Process)
	if err != nil {
		return err
	}
	out.streams.Pipes = pipes
	defer stdio.Files(own.Files).Close() // init has its own then
	p.Stdio = own
	err = c.createRuntime(ctx, p, out)
	if err == nil && m.SharePID {
		out.pid = c.openPID(out.init)
	}
	return err
}

// openPID opens the pid namespace of init, which nobody reaps yet.
func (c *container) openPID(init *runtime.Process) *namespace.PID {
	pid, err := namespace.OpenPID(c.options.Runtime.Proc, init.Pid)
	if err != nil {
		c.options.Warn(fmt.Errorf("pid namespace of the first container cannot be shared: %w", err))
	}
	return pid
}

// createRuntime makes the container and enters it, or what is left of it, at once.
func (c *container) createRuntime(ctx context.Context, p runtime.CreateOptions, out *made) error {
	return core.Step(ctx, core.StepRuntimeCreate, childHooks(p.Spec), func(ctx context.Context) error {
		rt, init, err := runtime.Create(ctx, c.options.Runtime, p)
		switch {
		case err == nil:
			out.os, out.init = rt, init
			out.undo.add("container", destroyer(rt, c.options.Warn))
		case rt != nil: // not undone yet
			out.undo.add("container", func(context.Context) error { return rt.Abandon() })
		}
		return err
	})
}

// attachAll attaches the storages in their order. Images may be pulled into the trusted store.
func (c *container) attachAll(ctx context.Context, m *Create, undo *undoList) error {
	storages, err := erofs.Plan(m.Storages)
	if err != nil {
		return err
	}
	if err := c.attachTrusted(ctx, m, undo); err != nil {
		return err
	}
	for _, s := range storages {
		if err := c.attach(ctx, s, undo); err != nil {
			return err
		}
	}
	return nil
}

// attach mounts a storage, or shares it with those who have it mounted already.
func (c *container) attach(ctx context.Context, s storage.Volume, undo *undoList) error {
	// Entered first: an attach that is given up may have been counted all the same.
	undo.addStep("storage "+s.MountPoint, c.releaser(s.MountPoint))
	undo.storages = append(undo.storages, s.MountPoint)
	holder := string(c.id)
	_, err := core.Ask(ctx, c.options.Storage, &storage.Attach{Holder: holder, Volume: s})
	return err
}

// releaser is the undo of an attach.
func (c *container) releaser(mountPoint string) func(ctx context.Context, stands bool) error {
	return func(ctx context.Context, stands bool) error {
		release := &storage.Release{Holder: string(c.id), MountPoint: mountPoint, Undo: !stands}
		if _, err := core.Ask(ctx, c.options.Storage, release); err != nil && !errors.Is(err, storage.ErrNotHeld) {
			// The container is gone all the same, and a volume that is stuck is no reason to
			// keep what is left of it.
			c.options.Warn(fmt.Errorf("container %q: %w", c.id, err))
		}
		return nil
	}
}

// destroyer kills whatever runs in the container, waits for its init and removes it.
func destroyer(rt *runtime.Container, warn func(error)) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, killTimeout)
		defer cancel()
		killErr := rt.KillAll()
		_ = rt.Init().Kill()
		rt.WaitInit(ctx)
		err := core.Step(context.WithoutCancel(ctx), core.StepRuntimeDestroy, "", func(ctx context.Context) error {
			warnings, err := rt.Destroy(ctx)
			for _, w := range warnings {
				warn(fmt.Errorf("poststop hook of container %q: %w", rt.ID(), w))
			}
			return err
		})
		if err != nil {
			return errors.Join(killErr, err)
		}
		return nil
	}
}
