// SPDX-License-Identifier: Apache-2.0

package frame

// fifo is a queue of calls. Its array is reused once the queue has run empty.
type fifo struct {
	calls []*Call
	head  int
}

func (f *fifo) len() int { return len(f.calls) - f.head }

func (f *fifo) push(call *Call) { f.calls = append(f.calls, call) }

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
