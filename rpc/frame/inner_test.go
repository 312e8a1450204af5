// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
)

// TestNothingStays makes many cold calls on one connection, which may live for weeks, and looks for
// what is left of them.
func TestNothingStays(t *testing.T) {
	_, path := serveMux(t, Config{Routes: codeRoutes()})
	c := dial(t, path)
	storm := func(n int) {
		for range n {
			c.call(1, "Cold", &protocols.ReadStreamRequest{Len: 1})
			c.expectData(1, 1)
		}
	}
	storm(1000)
	before := heapInUse()
	const calls = 20000
	storm(calls)
	if grown := heapInUse() - before; grown > calls*16 {
		t.Errorf("%d bytes of heap grown in %d calls", grown, calls)
	}
}
