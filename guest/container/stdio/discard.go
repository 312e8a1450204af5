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

// Drain ends pending reads, and all reads to come, with (nil, io.EOF); pending ones get the
// bytes there are first. Whatever else is in the stream or is written from then on is
// dropped. So a descendant that outlives its process neither waits for a reader that never
// comes nor dies by SIGPIPE. over is called once, when no writer is left or the reader was
// closed; it must not block. The reader still has to be closed.
func (r *Reader) Drain(over func()) {
	r.mu.Lock()
	r.drained = true
	r.mu.Unlock()
	r.drainNext(over)
	r.expire() // what waits in front of it
}

func (r *Reader) drainNext(over func()) {
	r.enqueue(&readOp{reader: r, max: bufferSize, drops: true, done: func(_ []byte, err error) {
		if err != nil {
			over()
			return
		}
		r.drainNext(over)
	}})
}
