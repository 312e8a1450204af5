// SPDX-License-Identifier: Apache-2.0

package process

import (
	"sync/atomic"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
)

// Key addresses a process.
type Key struct {
	Container id.Container
	Exec      id.Exec
}

// Handle is what the directory of processes holds: the actor for control, the streams
// for bytes.
type Handle struct {
	Key Key
	Ref core.Ref
	IO  *IO

	waited atomic.Bool
	held   atomic.Bool
}

// Hold marks an init that waits for its start, Release one that has been let go.
func (h *Handle) Hold()    { h.held.Store(true) }
func (h *Handle) Release() { h.held.Store(false) }

// Waited tells whether the exit status has been handed out: from then on the process is
// gone for everything but reading what it has left in its streams.
func (h *Handle) Waited() bool { return h.waited.Load() }

// Directory is the table of all processes of the pod.
type Directory = core.Directory[Key, *Handle]
