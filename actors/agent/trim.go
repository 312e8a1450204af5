// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	// trimQuiet is how long nothing must have been freed before memory is given back: giving it
	// back under load would only mean asking for it again.
	trimQuiet = 2 * time.Second
	// processMemory is about what a process takes in the agent, in bytes.
	processMemory = 16 << 10
	// trimWorth is how many freed bytes are worth the collection it takes: those of 50 processes.
	trimWorth = 50 * processMemory
)

// trimmer gives memory back to the guest after much of it has become garbage: processes and
// connections that have ended, writes that were answered after a wait. Go's own scavenger keeps a
// share of the largest heap and returns the rest over minutes. A trimmer has no goroutine, and a timer
// only while something was freed.
type trimmer struct {
	quiet time.Duration
	trim  func()

	bytes atomic.Int64
	last  atomic.Int64 // when, in nanoseconds since started: no setting of the clock matters
	armed atomic.Bool
}

// started is what trimmers count from.
var started = time.Now()

func newTrimmer() *trimmer { return &trimmer{quiet: trimQuiet, trim: debug.FreeOSMemory} }

// processEnded counts a process whose actor has ended. It does not block.
func (m *trimmer) processEnded() { m.freed(processMemory) }

// freed counts bytes that have become garbage. It does not block.
func (m *trimmer) freed(bytes int) {
	m.last.Store(int64(time.Since(started)))
	if m.bytes.Add(int64(bytes)) >= trimWorth && m.armed.CompareAndSwap(false, true) {
		time.AfterFunc(m.quiet, m.look)
	}
}

// look trims when it has been quiet, else it looks again later.
func (m *trimmer) look() {
	if quiet := time.Since(started) - time.Duration(m.last.Load()); quiet < m.quiet {
		time.AfterFunc(m.quiet-quiet, m.look)
		return
	}
	m.bytes.Store(0)
	m.armed.Store(false)
	m.trim()
}
