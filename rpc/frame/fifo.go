// SPDX-License-Identifier: Apache-2.0

package frame

// fifo is a queue of calls. Its array is reused once the queue has run empty, and before it would
// grow: a queue that never runs empty would else keep the room of all calls that it has had.
type fifo struct {
	calls []*Call
	head  int
}

func (f *fifo) len() int { return len(f.calls) - f.head }

func (f *fifo) push(call *Call) {
	if len(f.calls) == cap(f.calls) && f.head > 0 && f.head >= len(f.calls)/2 {
		n := copy(f.calls, f.calls[f.head:])
		clear(f.calls[n:])
		f.calls, f.head = f.calls[:n], 0
	}
	f.calls = append(f.calls, call)
}

func (f *fifo) pop() *Call {
	call := f.calls[f.head]
	f.calls[f.head] = nil
	if f.head++; f.head == len(f.calls) {
		f.calls, f.head = f.calls[:0], 0
		if cap(f.calls) > keepCalls {
			f.calls = nil
		}
	}
	return call
}

// keepCalls is the largest array an empty queue keeps, in calls.
const keepCalls = 256
