// SPDX-License-Identifier: Apache-2.0

package process

import (
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
}

// Directory is the table of all processes of the pod.
type Directory = core.Directory[Key, *Handle]
