// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/storage"
)

// Errors of the sandbox; each says what it is about when it is returned.
var (
	ErrExists    = errors.New("already exists")
	ErrNoPIDNS   = errors.New("Sandbox does not have sandbox_pidns") // the words of all Kata agents
	ErrDestroyed = errors.New("sandbox is destroyed")
	ErrFull      = errors.New("full")
)

// ErrNoMoreOOM ends the wait for OOM kills when the pod has ended. Its last words are those by which
// the watcher of runtime-rs knows the end; after any other error it asks again at once.
var ErrNoMoreOOM = fmt.Errorf("%w: Connection reset by peer", ErrDestroyed)

// Module is a kernel module to load.
type Module struct {
	Name       string
	Parameters []string
}

// Create sets the pod up; what a failed one has done is undone. A second one takes the place of the
// first if it has another ID and there is no container: a machine that is cloned from a template
// becomes the pod it is cloned for. Otherwise it is refused.
type Create struct {
	core.Call[struct{}]
	ID       string
	Hostname string
	DNS      []string // lines of resolv.conf
	Storages []storage.Volume
	HookPath string // directory of guest hooks; "" is none
	Modules  []Module
}

// CreateContainer makes a container. Its ID must be free.
type CreateContainer struct {
	container.Create
	// SharedPID puts it into the pid namespace that the pod shares.
	SharedPID bool
}

// Online takes CPUs and memory into use that were plugged in, then widens the cpusets of
// the running containers.
type Online struct {
	core.Call[struct{}]
	CPUs   int  // how many are to be online in all; 0 leaves them
	Memory bool // all blocks
	// Wait for CPUs that are still on their way. Without it the answer comes at once when
	// some are missing, the wait goes on, and its failure is only logged.
	Wait bool
}

// NextOOM is answered with the next container in which the kernel has killed a process
// for want of memory. Each kill goes to one caller. Once the sandbox is destroyed it is
// answered with ErrNoMoreOOM.
type NextOOM struct{ core.Call[id.Container] }

// OOMUntold says that the answer to a NextOOM could not be given: the next one gets the kill.
type OOMUntold struct{ ID id.Container }

// Destroy removes every container and everything the pod has; containers that cannot be
// removed do not keep the others. New ones are refused from then on.
type Destroy struct{ core.Call[struct{}] }

// Containers is the directory of the pod's containers.
type Containers = core.Directory[id.Container, core.Ref]
