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

// Directory is the table of all processes of the pod.
type Directory = core.Directory[Key, *Handle]
