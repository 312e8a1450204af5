// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/device"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// ErrExecExists says that an exec id is in use.
var ErrExecExists = errors.New("already exists")

// ErrGivenUp says that the container was removed while something was under way.
var ErrGivenUp = errors.New("container is being removed")

// errNoPassfd says that the agent does not listen for passed streams.
var errNoPassfd = errors.New("agent.passfd_listener_port is not set")

// Ports are the ports of the host that the streams of a process are passed to.
type Ports = passfd.Ports

// Create makes the container; it is the first message the actor gets. When it fails,
// everything it has made is undone before the answer and the actor ends.
type Create struct {
	core.Call[struct{}]
	ID       id.Container
	Spec     *specs.Spec
	Storages []storage.Volume
	Devices  []device.Request
	// Hooks of the guest image, which run before the spec's own of the same kind.
	GuestHooks *specs.Hooks
	// Ports are the host's ports that the streams of init are passed to.
	Ports Ports
	// IPC and UTS are the paths of the pod's namespaces; "": a namespace of its own.
	IPC, UTS string
	// PID is the shared pid namespace, nil: one of its own. The container releases it.
	PID *namespace.PID
	// SharePID asks for the container's own pid namespace, to be shared with others.
	SharePID bool
	// Shared are the mounts of other containers that are to be seen in this one.
	Shared []SharedMount
}

// Start lets the created container's init run its program.
type Start struct{ core.Call[struct{}] }

// Remove kills, destroys and forgets the container. A second one joins the first.
type Remove struct{ core.Call[struct{}] }

// Exec starts a session in the container.
type Exec struct {
	core.Call[struct{}]
	ExecID  id.Exec
	Process *specs.Process
	Ports   Ports // as in Create
}

// KillAll kills every process of the container.
type KillAll struct{ core.Call[struct{}] }

// Pause freezes, Resume thaws the container.
type (
	Pause struct {
		core.Call[struct{}]
		watched bool // lookAgain is told when its asker has gone
	}
	Resume struct{ core.Call[struct{}] }
)

// Update changes limits; what Resources leaves out stays.
type Update struct {
	core.Call[struct{}]
	Resources *specs.LinuxResources
}

// Stats are the figures of the container's cgroups.
type Stats struct{ core.Call[*cgroup.Stats] }

// WidenCPUs gives the container the CPUs that the guest has got meanwhile.
type WidenCPUs struct{ core.Call[struct{}] }

// Init asks for the first process of a container whose programs may run. Its numbers are only sure to
// be its own while its PidFD is open; see sharedmount.OpenView.
type Init struct{ core.Call[*runtime.Process] }

// Spec asks for the spec the container was made from. It must not be changed.
type Spec struct{ core.Call[*specs.Spec] }

// Created is told to the sandbox when the container stands, before its creator is answered.
type Created struct {
	ID id.Container
	// PID is the pid namespace that was asked for by SharePID; nil if it could not be opened. The
	// sandbox releases it.
	PID *namespace.PID
}

// Forgotten is told to the sandbox when nothing of the container is left, before the one
// who asked for the removal (or whose create has failed) is answered.
type Forgotten struct{ ID id.Container }

// OOMKilled is told to the sandbox for each process of the container that the kernel has
// killed for want of memory.
type OOMKilled struct{ ID id.Container }

// finalize ends a removal that has waited long enough for the exits of its processes.
type finalize struct{}

// undoAgain has another try at what is left of a failed create.
type undoAgain struct{}
