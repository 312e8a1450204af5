// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	// trimQuiet is how long nothing must have ended before memory is given back: giving it
	// back under load would only mean asking for it again.
	trimQuiet = 2 * time.Second
	// trimWorth is how many ended processes are worth the collection it takes.
	trimWorth = 50
)

// trimmer gives memory back to the guest after many processes have ended: Go's own
// scavenger keeps a share of the largest heap and returns the rest over minutes. It has no
// goroutine and makes no wake-ups unless something has ended.
type trimmer struct {
	ended atomic.Int64
	last  atomic.Int64 // when, in nanoseconds
	armed atomic.Bool
}

// processEnded counts a process whose actor has ended. It does not block.
func (m *trimmer) processEnded() {
	m.last.Store(time.Now().UnixNano())
	if m.ended.Add(1) >= trimWorth && m.armed.CompareAndSwap(false, true) {
		time.AfterFunc(trimQuiet, m.look)
	}
}

// look trims when it has been quiet, else it looks again later.
func (m *trimmer) look() {
	if quiet := time.Since(time.Unix(0, m.last.Load())); quiet < trimQuiet {
		time.AfterFunc(trimQuiet-quiet, m.look)
		return
	}
	m.ended.Store(0)
	m.armed.Store(false)
	debug.FreeOSMemory()
}
