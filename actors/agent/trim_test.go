// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"
	"time"
)

// TestTrimAfterMuchIsFreed gives memory back once enough has been freed, whatever it was, and once only.
func TestTrimAfterMuchIsFreed(t *testing.T) {
	trims := make(chan struct{}, 10)
	m := &trimmer{quiet: time.Millisecond, trim: func() { trims <- struct{}{} }}
	for range trimWorth/processMemory - 1 {
		m.processEnded()
	}
	if m.armed.Load() {
		t.Error("would trim for less than is worth it")
	}
	m.freed(processMemory)
	<-trims
	m.freed(trimWorth)
	<-trims
	if m.bytes.Load() != 0 || m.armed.Load() || len(trims) > 0 {
		t.Errorf("afterwards: %d bytes counted, armed %v, %d more trims; want none", m.bytes.Load(), m.armed.Load(), len(trims))
	}
}
