// SPDX-License-Identifier: Apache-2.0

package container

import (
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
)

// View is what a container shows of itself to anybody, without a turn.
type View struct {
	began time.Time
	state atomic.Int32
	pid   atomic.Int32
}

// Views has those of all containers, and of those that are being made or removed.
type Views = core.Directory[id.Container, *View]

// State is the state in words: "creating", "created", "running", "paused", "stopped".
func (v *View) State() string { return state(v.state.Load()).String() }

// Pid is that of the first process, in the agent's pid namespace; 0 until there is one.
func (v *View) Pid() int { return int(v.pid.Load()) }

// Age is since when there is the container: since its create began.
func (v *View) Age() time.Duration { return time.Since(v.began) }

// enterState moves the state, and shows it.
func (c *container) enterState(s state) {
	c.state = s
	c.view.state.Store(int32(s))
}
