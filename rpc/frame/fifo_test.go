// SPDX-License-Identifier: Apache-2.0

package frame

import "testing"

// TestFifoThatNeverRunsEmpty gives the calls in their order, and has room for those that wait and not
// for all that have come.
func TestFifoThatNeverRunsEmpty(t *testing.T) {
	var f fifo
	next, want := uint32(0), uint32(0)
	put := func(n int) {
		for range n {
			f.push(&Call{stream: next})
			next++
		}
	}
	take := func(n int) {
		t.Helper()
		for range n {
			if call := f.pop(); call.stream != want {
				t.Fatalf("call %d, want %d", call.stream, want)
			}
			want++
		}
	}
	put(10)
	for range 10000 {
		put(7)
		take(7)
	}
	if most := 100; cap(f.calls) > most {
		t.Errorf("room for %d calls while %d wait, want at most %d", cap(f.calls), f.len(), most)
	}
	take(f.len())
	if f.calls != nil && cap(f.calls) > keepCalls {
		t.Errorf("an empty queue keeps room for %d calls, want at most %d", cap(f.calls), keepCalls)
	}
}
