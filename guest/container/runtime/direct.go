// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// The init of a plain container is made by the resident helper, from a plan: no Go program starts, and
// nothing is executed before the container's own program. libcontainer validates the configuration
// before, and its state is written for it, so that it can take the container over at any time. What the
// helper cannot do exactly as libcontainer goes by libcontainer from the start (see notPlain), and
// anything else that fails before the hooks are run goes by libcontainer then: its error, or its success,
// is what counts.

// maker is a Spawner that makes inits.
type maker interface {
	StartInit(ctx context.Context, r *nsexec.Request) (*nsexec.Init, error)
}

// StartInit starts the first process of a container.
func (s sessions) StartInit(ctx context.Context, r *nsexec.Request) (*nsexec.Init, error) {
	return s.helper.StartInit(ctx, r)
}

// direct is what there is of a container whose init the resident helper makes.
type direct struct {
	maker maker
	// namespaces are those to be joined, by path, the pid namespace first if withPID.
	namespaces []nsexec.Namespace
	withPID    bool
	unshare    uint32
}

// planDirect decides whether init is made directly. It says why not if Options.Init asks for it.
func (c *Container) planDirect() (*direct, string) {
	if c.options.Init != InitDirect {
		return nil, ""
	}
	m, ok := c.options.Spawn.(maker)
	if !ok {
		return nil, "there is no helper"
	}
	if reason := notPlain(c); reason != "" {
		return nil, reason
	}
	d := &direct{maker: m}
	d.planNamespaces(c.config)
	return d, ""
}

// notDirect is a failure after which libcontainer is to try.
type notDirect struct{ error }

func (e *notDirect) Unwrap() error { return e.error }

// startDirect makes init, up to where it waits for the start.
func (c *Container) startDirect(ctx context.Context, p CreateOptions) error {
	if err := c.compileFilter(); err != nil {
		return err
	}
	i, err := c.mountDirect(ctx, p)
	if err != nil {
		return &notDirect{err}
	}
	hooks, err := c.hookDirect(i.Pid())
	var tty *os.File
	if err == nil {
		tty, err = i.Go(ctx, func() error { return c.saveState(i.Pid()) })
	} else {
		err = errors.Join(err, i.Close())
	}
	if err != nil && !hooks {
		return &notDirect{err}
	}
	if err != nil {
		return fmt.Errorf("unable to start container process: error during container init: %w", err)
	}
	c.last = i.LastStage()
	c.init = newInit(c.options.Proc, i.Pid(), i.TakePidFD(), tty)
	return c.enterLast(p.Spec.Process)
}

// mountDirect starts init, which waits with its mounts made.
func (c *Container) mountDirect(ctx context.Context, p CreateOptions) (*nsexec.Init, error) {
	if err := c.cgroup.Apply(-1); err != nil {
		return nil, err
	}
	plan, err := c.plan(p)
	if err != nil {
		return nil, err
	}
	target, err := nsexec.InitTarget(c.direct.namespaces, c.direct.withPID, c.cgroup.GetPaths())
	if err != nil {
		return nil, err
	}
	defer target.Close()
	return c.direct.maker.StartInit(ctx, &nsexec.Request{
		Target: target, Stdio: p.Stdio, OOMScoreAdj: c.config.OomScoreAdj, Plan: plan,
	})
}

// hookDirect sets the cgroup's limits and runs the hooks that libcontainer runs between the mounts and
// the change of root. ran tells whether hooks have been run: they must not be twice.
func (c *Container) hookDirect(pid int) (ran bool, err error) {
	if err := c.cgroup.Set(withoutProgramLimits(c.config.Cgroups.Resources)); err != nil {
		return false, err
	}
	if !c.config.HasHook(configs.Prestart, configs.CreateRuntime) {
		return false, nil
	}
	state, err := c.lc.OCIState()
	if err != nil {
		return false, err
	}
	state.Pid, state.Status = pid, specs.StateCreating
	if err := c.config.Hooks.Run(configs.Prestart, state); err != nil {
		return true, err
	}
	return true, c.config.Hooks.Run(configs.CreateRuntime, state)
}

// newInit is an init that has not executed its program yet.
func newInit(proc string, pid int, fd, terminal *os.File) *Process {
	p := &Process{Pid: pid, PidFD: fd, terminal: terminal}
	p.reap = func() int {
		failed := !p.Executed(proc)
		if status := reapPidFD(fd); !failed || status != libcontainerFailed {
			return status
		}
		return neverRan
	}
	p.staged.Store(true)
	return p.own()
}

// saveState writes what libcontainer keeps of a container, in its own form: by it the container is
// loaded for sessions that libcontainer starts, and by an agent that has been started again.
func (c *Container) saveState(pid int) error {
	start, err := StartTime(pid)
	if err != nil {
		return err
	}
	streams := make([]string, 3)
	for i := range streams {
		if streams[i], err = os.Readlink(fmt.Sprintf("%s/%d/fd/%d", c.options.Proc, pid, i)); err != nil {
			return err
		}
	}
	state := libcontainer.State{
		BaseState: libcontainer.BaseState{
			ID: c.id, InitProcessPid: pid, InitProcessStartTime: start, Created: time.Now().UTC(), Config: *c.config,
		},
		CgroupPaths: c.cgroup.GetPaths(), NamespacePaths: map[configs.NamespaceType]string{},
		ExternalDescriptors: streams,
	}
	for _, kind := range configs.NamespaceTypes() {
		if configs.IsNamespaceSupported(kind) {
			ns := configs.Namespace{Type: kind}
			state.NamespacePaths[kind] = ns.GetPath(pid)
		}
	}
	text, err := json.Marshal(&state)
	if err != nil {
		return err
	}
	next := filepath.Join(c.state, stateFile+".new")
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(c.state, stateFile))
}

// libcontainer is libcontainer's view of the container, for sessions.
func (c *Container) libcontainer() (*libcontainer.Container, error) {
	if c.direct == nil {
		return c.lc, nil
	}
	c.loading.Lock()
	defer c.loading.Unlock()
	if c.loaded == nil {
		lc, err := libcontainer.Load(c.options.StateRoot, c.id)
		if err != nil {
			return nil, err
		}
		useStartManager(lc, c.options.Proc)
		c.loaded = lc
	}
	return c.loaded, nil
}

// fallBack prepares to have libcontainer make a container after all.
func (c *Container) fallBack(why error) error {
	c.direct, c.notPlain = nil, why.Error()
	if err := c.removeCgroup(); err != nil {
		return err
	}
	if err := removeState(c.state); err != nil {
		return err
	}
	given, err := c.stage(c.config)
	if err != nil {
		return err
	}
	return c.tellLibcontainer(given)
}
