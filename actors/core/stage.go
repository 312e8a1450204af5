// SPDX-License-Identifier: Apache-2.0

package core

import "time"

// Stage stands in for a System under one actor (package coretest).
type Stage interface {
	spawned(*actor)
	started(*actor, worker)
	armed(tm *timer, d time.Duration) interface{ Stop() bool }
	halted(*actor)
}
