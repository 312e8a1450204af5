// SPDX-License-Identifier: Apache-2.0

package stdio

// Discard has what comes on the stream read and dropped from now on, behind the reads made before,
// until the stream ends or Keep is called. So a process whose output nobody may see does not wait for
// a reader. dropped is told how many bytes were; it must not block. While Discard is in force it does
// nothing.
func (r *Reader) Discard(dropped func(n int)) {
	r.mu.Lock()
	if r.drops%2 == 1 {
		r.mu.Unlock()
		return
	}
	r.drops++
	round := r.drops
	r.mu.Unlock()
	r.dropNext(round, dropped)
}

// dropNext drops what comes next, and then again as long as it is the same round.
func (r *Reader) dropNext(round uint32, dropped func(int)) {
	r.enqueue(&readOp{reader: r, max: bufferSize, drops: true, done: func(data []byte, err error) {
		if len(data) > 0 {
			dropped(len(data))
		}
		r.mu.Lock()
		if err != nil && r.drops == round {
			r.drops++
		}
		again := r.drops == round
		r.mu.Unlock()
		if again {
			r.dropNext(round, dropped)
		}
	}})
}

// Keep ends Discard. What is being dropped at this moment is lost.
func (r *Reader) Keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drops%2 == 0 {
		return
	}
	r.drops++
	for _, op := range r.queue {
		if op.drops {
			cancelOp(&r.queue, op, &op.state)
			return // there is one at a time
		}
	}
}
