// SPDX-License-Identifier: Apache-2.0

package process

import (
	"sync/atomic"
	"time"

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
	Pid int // in the agent's pid namespace

	began  time.Duration // since epoch
	state  atomic.Uint32
	status delivery
}

// delivery is what has become of the exit status that was handed out.
type delivery struct {
	kept     atomic.Int32 // answers that wait for their peers
	returned atomic.Int32 // answers whose peers have gone
}

// Kept says that an answer with the exit status waits for its peer: Sent or Returned will follow.
func (h *Handle) Kept() (token int64) {
	h.status.kept.Add(1)
	return 0
}

// Sent says that an answer that was kept is on its way.
func (h *Handle) Sent(int64) { h.status.kept.Add(-1) }

// Returned says that an answer that was kept could not be given: if nobody else has got one, the next
// who asks gets it.
func (h *Handle) Returned(int64, []byte) {
	h.status.kept.Add(-1)
	h.Refused(nil)
}

// Refused is Returned for an answer that was not kept.
func (h *Handle) Refused([]byte) {
	h.status.returned.Add(1)
	h.Ref.Tell(statusReturned{})
}

// States of a process, as the actor has published them.
const (
	running uint32 = iota
	exited         // its exit status has not been handed out
	waited         // its output may be unread
)

// State is "running", "exited" or "waited": its exit status has been handed out.
func (h *Handle) State() string { return [...]string{"running", "exited", "waited"}[h.state.Load()] }

// Age is for how long there has been the process.
func (h *Handle) Age() time.Duration { return time.Since(epoch) - h.began }

// Directory is the table of all processes of the pod.
type Directory = core.Directory[Key, *Handle]
