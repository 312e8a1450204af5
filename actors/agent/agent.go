// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"path/filepath"
	goruntime "runtime"
	"time"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/device"
	"github.com/kata-containers/kata-agent/actors/network"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/actors/sandbox"
	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/boot/journal"
	"github.com/kata-containers/kata-agent/guest/boot/keeper"
	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/guest/components"
	"github.com/kata-containers/kata-agent/guest/components/cdh"
	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/online"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/sys/restore"
	"go.uber.org/zap"
)

// Options is what an agent is made with.
type Options struct {
	InitMode bool // the guest's first program, or started by our init
	PipeSize int  // agent.container_pipe_size, in bytes
	// HotplugTimeout bounds the wait for each device: agent.hotplug_timeout.
	HotplugTimeout time.Duration
	// VisibleCDI takes CDI devices from the environment too: agent.visible_cdi_devices.
	VisibleCDI bool
	CDITimeout time.Duration        // bounds the wait for CDI specifications: agent.cdi_timeout
	MemAgent   *MemAgent            // settings of the memory agent; nil: it is off
	Components []components.Process // guest components to start, in order
	Hub        *cdh.Client          // the Confidential Data Hub, in guests that have it
	// NoStoreIntegrity leaves out the check of what is read from the store of pulled images:
	// agent.secure_storage_integrity=false.
	NoStoreIntegrity bool
	PauseBundle      string // of the pause image, "": where guest images have it
	Spawn            runtime.Spawner
	Init             runtime.InitWay // what makes containers: agent.container_init
	Passfd           *passfd.Streams // the streams that hosts pass; nil if the agent does not listen for them
	// Journal is where the next agent finds the containers of this one; nil: nowhere.
	Journal *journal.Journal
	// Kept has what outlives an agent that is the guest's init; nil: nothing does.
	Kept *keeper.Keeper
	// Restored is told of a machine that was restored or has stood still, before the poller moves a byte
	// or Look returns. It must not block. Nil: nobody looks.
	Restored func(restore.Seen)
	Log      *zap.Logger
}

// Paths of the guest. Hosts, hooks and specs know them.
const (
	proc       = "/proc"
	sys        = "/sys"
	bundleRoot = "/run/kata-containers"
	stateRoot  = "/run/kata-agent/containers"
	nsDir      = "/run/sandbox-ns"
)

// Agent is what requests are addressed to. Nothing in it changes.
type Agent struct {
	Sandbox    core.Ref
	Storage    core.Ref
	Network    core.Ref
	MemAgent   core.Ref // nobody if the memory agent is off
	Containers *sandbox.Containers
	Processes  *process.Directory
	Views      container.Views

	components core.Ref // nobody in a guest without them
	system     *core.System
	poller     *stdio.Poller
	devices    device.Preparer
	volumes    *storage.Drivers
	oom        *cgroup.OOMWatcher
	trim       *trimmer
	restore    *restore.Watch // nil if nobody wants to know

	containers *container.Options
}

// Freed counts bytes of the agent's memory that have become garbage outside the actors: when they are
// many, and it is quiet, they are given back to the guest. It does not block.
func (a *Agent) Freed(bytes int) { a.trim.freed(bytes) }

// Tree lists the living actors; see [core.System.Tree].
func (a *Agent) Tree() []core.ActorInfo { return a.system.Tree() }

// Steps lists what is under way; see [core.System.Steps].
func (a *Agent) Steps() []core.StepView { return a.system.Steps() }

// StepCounts counts the steps there have been; see [core.System.StepCounts].
func (a *Agent) StepCounts() []core.StepCount { return a.system.StepCounts() }

// From returns a context for work that is done for o; see [core.System.From].
func (a *Agent) From(ctx context.Context, o core.Origin) context.Context {
	return a.system.From(ctx, o)
}

// Start makes the tree. Close ends what the actors stand on, after the system was stopped.
func Start(system *core.System, p Options) (_ *Agent, err error) {
	a := &Agent{system: system, Containers: &sandbox.Containers{}, Processes: &process.Directory{}, trim: newTrimmer()}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.poller, err = stdio.NewPoller(); err != nil {
		return nil, fmt.Errorf("stream poller: %w", err)
	}
	if p.Kept != nil {
		a.poller.Moving(p.Kept.Moving)
	}
	a.watchRestore(p)
	if a.oom, err = cgroup.NewOOMWatcher(); err != nil {
		return nil, fmt.Errorf("OOM watcher: %w", err)
	}
	if err = a.watchDevices(system, p); err != nil {
		return nil, err
	}
	a.volumes = storage.NewDrivers(a.devices.Resolver, storage.Options{
		Hub: hub{p.Hub}, NoIntegrity: p.NoStoreIntegrity, PauseBundle: p.PauseBundle,
	})
	if a.Storage, err = spawn(system, "storage", storage.New(a.volumes.Mount, p.Journal)); err != nil {
		return nil, err
	}
	if a.Network, err = spawn(system, "network", network.New(a.network(p))); err != nil {
		return nil, err
	}
	if a.MemAgent, err = startMemAgent(system, p.MemAgent); err != nil {
		return nil, err
	}
	if a.components, err = startComponents(system, p); err != nil {
		return nil, err
	}
	a.containers = a.containerDeps(p)
	a.Sandbox, err = spawn(system, "sandbox", sandbox.New(sandbox.Options{
		Guest:      guest(),
		Container:  a.containers,
		Containers: a.Containers,
		Storage:    a.Storage,
	}))
	return a, err
}

func spawn(system *core.System, name string, b core.Behavior) (core.Ref, error) {
	ref, err := system.Spawn(name, b)
	if err != nil {
		return ref, fmt.Errorf("%s actor: %w", name, err)
	}
	return ref, nil
}

// watchDevices starts the actor that waits for devices, before anything can ask for one.
func (a *Agent) watchDevices(system *core.System, p Options) error {
	ref, err := spawn(system, "uevent", device.New(device.Options{
		Listen:       func() (hotplug.Source, error) { return hotplug.Listen() },
		Sys:          sys,
		NodeReady:    device.NodeReady,
		OnlineMemory: func(devPath string) error { return online.MemoryBlock(sys, devPath) },
	}))
	if err != nil {
		return err
	}
	ref.Tell(device.Listen())
	a.devices = device.Preparer{
		Resolver: device.Resolver{Actor: ref, Timeout: p.HotplugTimeout},
		Sys:      sys, VisibleCDI: p.VisibleCDI, CDITimeout: p.CDITimeout,
	}
	return nil
}

func (a *Agent) containerDeps(p Options) *container.Options {
	warn := func(err error) { p.Log.Warn("container", zap.Error(err)) }
	return &container.Options{
		Ended:   a.trim.processEnded,
		Journal: p.Journal,
		Devices: a.devices.Prepare,
		Runtime: runtime.Options{
			StateRoot: stateRoot, Sys: sys, Proc: proc, Spawn: p.Spawn, Init: p.Init, Starts: runtime.NewStarts(places),
			NoPivotRoot: mount.RootIsInitramfs(proc), Verbose: func() bool { return p.Log.Core().Enabled(zap.DebugLevel - 1) },
			Hook: container.Hook, Warn: warn, Ended: p.Kept.Status,
		},
		Poller:     a.poller,
		Processes:  a.Processes,
		Containers: a.Containers,
		Views:      &a.Views,
		Storage:    a.Storage,
		BundleRoot: bundleRoot,
		Mounts:     mount.Mounter{Proc: proc},
		PipeSize:   p.PipeSize,
		Passfd:     p.Passfd,
		Hub:        hub{p.Hub}, PauseProcess: a.volumes.PauseProcess,
		Cgroup: cgroup.Chooser{InitMode: p.InitMode, Reachable: func() bool {
			return cgroup.SystemdReachable("/run")
		}},
		WatchOOM: a.watchOOM,
		Warn:     warn,
	}
}

// places is how many creates run side by side. They wait for the kernel too (for grace periods of RCU
// in mounts and cgroups), so there are more than processors.
func places() int {
	return 2 * goruntime.GOMAXPROCS(0)
}

func (a *Agent) network(p Options) network.Kernel {
	return network.Guest{Proc: proc, Warn: func(err error) { p.Log.Warn("network", zap.Error(err)) }}
}

// watchOOM watches the memory cgroup among a container's.
func (a *Agent) watchOOM(paths map[string]string, fn func()) (func(), error) {
	dir := paths["memory"]
	if unified, ok := paths[""]; ok {
		dir = unified
	}
	if dir == "" {
		return nil, fmt.Errorf("no memory cgroup")
	}
	w, err := a.oom.Watch(filepath.Clean(dir), func(kills uint64) {
		for range kills {
			fn()
		}
	})
	if err != nil {
		return nil, err
	}
	return w.Close, nil
}

// Close ends the poller, the watcher, and the watches of volumes that are left.
func (a *Agent) Close() {
	if a.volumes != nil {
		_ = a.volumes.Close(context.Background()) // bounds itself; the guest ends anyway
	}
	if a.poller != nil {
		a.poller.Close()
	}
	if a.restore != nil {
		a.restore.Close()
	}
	if a.oom != nil {
		a.oom.Close()
	}
}
