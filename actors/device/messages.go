// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
)

// ErrTimeout says that a device has not come in time.
var ErrTimeout = errors.New("Timeout") // the word of all Kata agents

// Await is answered with the device that Matcher knows, as soon as it is there.
type Await struct {
	core.Call[hotplug.Event]
	Matcher hotplug.Matcher
	// Timeout of the wait: agent.hotplug_timeout. The asker's own deadline counts too.
	Timeout time.Duration
}

// lost says that events were lost.
type lost struct{}

// rescan and expired are a waiter's timers.
type (
	rescan  struct{ w *waiter }
	expired struct{ w *waiter }
)

// listen says that the source is to be opened (again).
type listen struct{}
