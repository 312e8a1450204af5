// SPDX-License-Identifier: Apache-2.0

package goruntime

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much the heap may grow between collections. Half of Go's default keeps
// 2.4 MiB instead of 4 after a thousand sessions have ended, and no slower by anything that
// shows in test/bench/session.
const gcPercent = 50

// CollectEarly sets it, unless GOGC says otherwise.
func CollectEarly() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
