// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"bytes"
	"io"
)

// batchSize is about how many bytes one write to a sink takes.
const batchSize = 32 << 10

// batch is what the writer has taken out of the queue and not yet written.
type batch struct {
	data  []byte
	lines int
}

// run is the writer goroutine. Nothing but a sink's Write and the wake channel
// holds it up, and an idle queue does not wake it.
func (q *Queue) run() {
	defer close(q.done)
	var b batch
	for {
		to, end := q.next(&b)
		switch {
		case end:
			return
		case to == nil:
			<-q.wake
		default:
			q.write(to, &b)
		}
	}
}

// next fills b, unless it still holds something, and says where to write it:
// nowhere if there is nothing to write or no sink. end means the queue is
// closed and empty.
func (q *Queue) next(b *batch) (to io.Writer, end bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	to = q.fallback
	if q.attached != nil {
		to = q.attached
	}
	if to == nil && q.closing {
		q.drop(b.lines + len(q.lines))
		*b, q.lines, q.size = batch{}, nil, 0
	}
	if to != nil && len(b.data) == 0 {
		q.fill(b)
	}
	if len(b.data) > 0 {
		return to, false
	}
	if q.closing {
		q.lose(q.attached)
		return nil, true
	}
	return nil, false
}

// fill moves lines into b, after a line about those that were dropped; q.mu is
// held.
func (q *Queue) fill(b *batch) {
	b.data = b.data[:0]
	if missing := q.dropped - q.reported; missing > 0 {
		b.data = append(b.data, q.report(missing)...)
		q.reported = q.dropped
	}
	for len(q.lines) > 0 && len(b.data) < batchSize {
		line := q.lines[0]
		b.data = append(b.data, line...)
		b.lines++
		q.lines[0] = nil
		q.lines = q.lines[1:]
		q.size -= len(line)
	}
	if len(q.lines) == 0 {
		// Lets go of the array: its capacity is what a burst needed.
		q.lines = nil
	}
}

// write writes b. What an attached sink did not take stays in b for the next
// one, from the start of the line that was cut; the fallback is the last
// resort, so what it does not take is dropped.
func (q *Queue) write(to io.Writer, b *batch) {
	n, err := to.Write(b.data)
	q.mu.Lock()
	defer q.mu.Unlock()
	a, isAttachment := to.(*attachment)
	switch {
	case err == nil:
		q.settle(b.lines)
	case isAttachment:
		q.lose(a)
		q.keepRest(b, n)
		return
	default:
		q.drop(b.lines)
	}
	b.lines = 0
	b.data = b.data[:0]
	if cap(b.data) > 2*batchSize {
		b.data = nil
	}
}

// keepRest leaves in b the lines that are not wholly within its first n bytes.
func (q *Queue) keepRest(b *batch, n int) {
	n = max(0, min(n, len(b.data)))
	whole := bytes.LastIndexByte(b.data[:n], '\n') + 1
	b.data = b.data[:copy(b.data, b.data[whole:])]
	rest := min(b.lines, bytes.Count(b.data, []byte{'\n'}))
	q.settle(b.lines - rest)
	b.lines = rest
}
