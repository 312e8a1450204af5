// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/container/seccomp"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Options are the same for every container of an agent.
type Options struct {
	// StateRoot is the directory below which libcontainer keeps a state directory for
	// each container. Made when missing.
	StateRoot string
	// NoPivotRoot is for a guest whose root is the initramfs: pivot_root(2) refuses it.
	NoPivotRoot bool
	// Verbose tells, for each process, whether libcontainer's stages log what they do; nil: they do not.
	Verbose func() bool
	// Sys and Proc are the mount points of sysfs and procfs.
	Sys, Proc string
	// Starts bounds the creates that run side by side; nil: there is no bound.
	Starts *Starts
	// Spawn starts exec sessions in place of libcontainer; nil: libcontainer starts them.
	Spawn Spawner
	// Init says by what containers are made.
	Init InitWay
	// Hook runs an OCI hook of a stage that runs in the agent's namespaces ("prestart", "createRuntime",
	// "poststart", "poststop"): it calls run once, and returns its error. Nil: run is called.
	Hook func(ctx context.Context, stage string, path string, run func(context.Context) error) error
	// Ended is how init has seen a process end that another agent has started, in the form of wait(2). Nil:
	// nobody has seen any.
	Ended func(pid int) (status int, ok bool)
	// Warn is told what of a spec is passed over because this guest does not have it.
	Warn func(error)
}

// CreateOptions says what one container is.
type CreateOptions struct {
	ID     string
	Bundle string // absolute path of the directory that holds config.json and rootfs
	// Spec is the OCI spec with guest paths; Linux.CgroupsPath in the form of the driver.
	Spec          *specs.Spec
	SystemdCgroup bool
	Stdio         Stdio
}

// Container is one libcontainer container. Its methods may be called from any goroutine.
type Container struct {
	id      string
	bundle  string
	options Options
	lc      *libcontainer.Container
	cgroup  cgroups.Manager // our own: libcontainer's can only be used under the lock that a start holds
	config  *configs.Config
	given   *configs.Config // what libcontainer was given: see last.go
	spec    *specs.Spec
	hooks   *specs.Hooks
	init    *Process
	state   string // libcontainer's directory of it
	target  target
	// last is init's last stage while it waits for the start, filter the container's
	// seccomp profile; nil where there is none.
	last    *nsexec.LastStage
	filter  *seccomp.Filter
	systemd bool
	limits  *cgroups.Resources // as last written
	told    *told
	start   *started
	// direct is nil for an init that libcontainer makes, notPlain why it does.
	direct   *direct
	notPlain string
	loading  sync.Mutex
	loaded   *libcontainer.Container // of a direct one, when it was needed
	// helperOnly says that sessions by libcontainer would lack the filter.
	helperOnly bool
	// wantedCPUs is the cpuset as the host has asked for it; "" is none.
	wantedCPUs string
}

// ErrNotCreated says that the container does not wait for its start: it has been
// started before, or its init is dead.
var ErrNotCreated = errors.New("container is not waiting to be started")

// Create makes the container and leaves its init blocked just before exec. When it fails,
// panics, or ctx ends, nothing of the container is left: no process, cgroup or state. A
// Container that is returned with an error is one that could not be undone yet: Abandon
// tries again.
func Create(ctx context.Context, o Options, p CreateOptions) (left *Container, _ *Process, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	c, err := prepare(ctx, o, p)
	if err != nil {
		return nil, nil, err
	}
	stands := false
	defer func() {
		if stands {
			return
		}
		if undone := c.Abandon(); undone != nil {
			left, err = c, errors.Join(err, undone)
		}
	}()
	pod := c.podGroup()
	err = c.startInit(ctx, p)
	c.limitPod(pod)
	if err == nil && o.Spawn != nil {
		err = o.Spawn.Open(c)
	}
	if gone := ctx.Err(); gone != nil { // whatever else has failed follows from that
		err = gone
	}
	if err != nil {
		return nil, nil, fmt.Errorf("create container %q: %w", p.ID, err)
	}
	stands = true
	return c, c.init, nil
}

// prepare makes the container's state directory; nothing runs yet.
func prepare(ctx context.Context, o Options, p CreateOptions) (*Container, error) {
	was, err := fitSpec(o, p)
	if err != nil {
		return nil, err
	}
	config, err := libcontainerConfig(o, p)
	if err != nil {
		return nil, err
	}
	start := &started{}
	o.installHooks(ctx, config, p.Spec.Hooks, start)
	own := *config.Cgroups
	own.Resources = &cgroups.Resources{}
	cgroup, err := ofMachine.manager(&own)
	if err != nil {
		return nil, fmt.Errorf("create container %q: %w", p.ID, err)
	}
	told := &told{warn: o.Warn}
	told.once(p.ID, notEnforced, dropUnsupported(config.Cgroups.Resources, kernelOf(cgroup, o.Sys)))
	told.once(p.ID, noCapability, was.capabilities)
	resources := *config.Cgroups.Resources
	own.Resources = &resources
	c := &Container{
		id: p.ID, bundle: p.Bundle, options: o, cgroup: cgroup, config: config,
		spec: p.Spec, hooks: p.Spec.Hooks, state: filepath.Join(o.StateRoot, p.ID),
		systemd: p.SystemdCgroup, wantedCPUs: was.cpus,
		limits: own.Resources, told: told, start: start,
	}
	c.direct, c.notPlain = c.planDirect()
	given := config
	if c.direct == nil {
		given, err = c.stage(config)
	}
	if err == nil {
		err = c.tellLibcontainer(given)
	}
	if err != nil {
		c.closeLast()
		return nil, fmt.Errorf("create container %q: %w", p.ID, err)
	}
	return c, nil
}

// tellLibcontainer has libcontainer make the container's state directory; given is what it is told.
func (c *Container) tellLibcontainer(given *configs.Config) (err error) {
	if c.lc, err = libcontainer.Create(c.options.StateRoot, c.id, given); err != nil {
		return err
	}
	c.given = given
	useStartManager(c.lc, c.options.Proc)
	return nil
}

func (c *Container) closeLast() {
	if c.last != nil {
		c.last.Close()
		c.last = nil
	}
}

// startInit runs libcontainer's start. It cannot be interrupted, but everything it may
// wait for is a process: when ctx ends these are killed, so that it returns.
func (c *Container) startInit(ctx context.Context, p CreateOptions) (err error) {
	if c.start.place, err = c.options.Starts.enter(ctx); err != nil {
		return err
	}
	defer c.start.place.leave()
	release := c.killAfter(ctx)
	defer release()
	if c.direct != nil {
		err := c.startDirect(ctx, p)
		var failed *notDirect
		if !errors.As(err, &failed) || ctx.Err() != nil || errors.Is(err, nsexec.ErrLost) {
			return err
		}
		if err := c.fallBack(failed); err != nil {
			return err
		}
	}
	c.init, err = c.startProcess(p.Spec.Process, p.Stdio, true)
	err = nameHook(err, p.Spec.Hooks)
	if err == nil && c.last != nil {
		err = c.enterLast(p.Spec.Process)
		// Sessions that go by libcontainer are to have all of it.
		c.given.Seccomp, c.given.Rlimits = c.config.Seccomp, c.config.Rlimits
		c.given.AppArmorProfile, c.given.ProcessLabel = c.config.AppArmorProfile, c.config.ProcessLabel
		c.given.Capabilities, c.given.NoNewPrivileges = c.config.Capabilities, c.config.NoNewPrivileges
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// killAfter kills what is in the cgroup from the end of ctx on, until release is called. It
// goes by the cgroup's path, so when release has returned nothing is killed any more: the
// next container of this id has the same path.
func (c *Container) killAfter(ctx context.Context) (release func()) {
	released, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		c.killUntil(released)
	})
	return func() {
		close(released)
		if !stop() {
			<-ended
		}
	}
}

// killUntil kills what is in the cgroup, again and again: a process on its way into it is
// only seen the next time.
func (c *Container) killUntil(released <-chan struct{}) {
	for {
		_ = c.killCgroup()
		select {
		case <-released:
			return
		case <-time.After(pollInterval * time.Millisecond):
		}
	}
}

// ID is the container's id.
func (c *Container) ID() string { return c.id }

// Init is the container's first process.
func (c *Container) Init() *Process { return c.init }

// CgroupPaths are the cgroup directories by controller; on cgroup v2 the only key is "".
func (c *Container) CgroupPaths() map[string]string {
	paths := maps.Clone(c.cgroup.GetPaths())
	if !cgroups.IsCgroup2UnifiedMode() {
		delete(paths, "") // the tree without controllers beside those of v1
	}
	return paths
}

// Stats reads the container's cgroups. A stopped container whose cgroup is gone has none:
// its statistics are empty.
func (c *Container) Stats() (*cgroup.Stats, error) {
	s, err := cgroup.Read(c.cgroup)
	if err != nil {
		return nil, fmt.Errorf("container %q: %w", c.id, err)
	}
	return s, nil
}

// Destroy removes a container whose processes have all been killed: its cgroup and its
// state. Poststop hooks run after that; their errors are returned as warnings.
func (c *Container) Destroy(ctx context.Context) (warnings []error, err error) {
	if err := c.clear(); err != nil {
		return nil, err
	}
	c.target.close()
	c.closeLast()
	if c.hooks == nil {
		return nil, nil
	}
	return c.runHooks(ctx, string(configs.Poststop), c.hooks.Poststop, specs.StateStopped), nil
}

// warnLimit is the time limit, in seconds, of a hook whose failure only warns and that has
// none of its own: nobody else may bound it, and a pod must be able to end.
const warnLimit = 10

// runHooks runs hooks whose failure only warns.
func (c *Container) runHooks(ctx context.Context, stage string, hooks []specs.Hook, status specs.ContainerState) (warnings []error) {
	state := c.hookState(status)
	for _, h := range hooks {
		if h.Timeout == nil || *h.Timeout <= 0 {
			limit := warnLimit
			h.Timeout = &limit
		}
		if err := c.options.runHook(ctx, stage, h, state); err != nil {
			warnings = append(warnings, err)
		}
	}
	return warnings
}

// hookState is what runc gives its hooks. A stopped container has no pid.
func (c *Container) hookState(status specs.ContainerState) *specs.State {
	state := &specs.State{
		Version: specs.Version, ID: c.id, Status: status, Bundle: c.bundle, Annotations: c.spec.Annotations,
	}
	if status != specs.StateStopped {
		state.Pid = c.init.Pid
	}
	return state
}
