// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"context"
	"errors"
	"io"
	"sync"
)

// DefaultLimit is how many bytes of lines wait for a reader before the oldest
// are dropped: some thousands of lines. Memory is held only while nobody reads.
const DefaultLimit = 1 << 20

// ErrClosed is returned by a wait on a queue that was closed meanwhile.
var ErrClosed = errors.New("log queue is closed")

// Queue holds log lines until its one writer goroutine has written them to the
// sink. Its methods may be called from any goroutine; none but Flush and Close
// waits, and those wait only as long as their context allows.
//
// The sink is the attached one, else the fallback. Without either the lines
// stay in the queue, so that a host which connects late still sees the start.
type Queue struct {
	limit int
	wake  chan struct{} // buffered 1, never closed
	done  chan struct{} // closed by the writer when it ends

	mu       sync.Mutex
	lines    [][]byte
	size     int    // bytes in lines
	appended uint64 // lines ever appended
	settled  uint64 // of these, how many are written or dropped
	dropped  uint64 // lines ever dropped
	reported uint64 // of these, how many a line of the log has reported
	report   func(dropped uint64) []byte
	attached *attachment
	fallback io.Writer
	closing  bool
	progress chan struct{} // made by Flush, closed by settle
}

// attachment is an attached writer; lost is closed when it is one no longer.
type attachment struct {
	io.Writer
	lost chan struct{}
}

// NewQueue starts the writer, which Close ends. limit is in bytes; fallback
// may be nil.
func NewQueue(limit int, fallback io.Writer) *Queue {
	q := &Queue{
		limit:    limit,
		fallback: fallback,
		wake:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		report:   func(uint64) []byte { return nil },
	}
	go q.run()
	return q
}

// Append adds one line, which ends in a newline and belongs to the queue from
// now on. Lines appended after Close are dropped.
func (q *Queue) Append(line []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.appended++
	if q.closing {
		q.drop(1)
		return
	}
	q.lines = append(q.lines, line)
	q.size += len(line)
	n := 0
	for q.size > q.limit && n < len(q.lines)-1 {
		q.size -= len(q.lines[n])
		q.lines[n] = nil
		n++
	}
	q.lines = q.lines[n:]
	q.drop(n)
	q.poke()
}

// Dropped returns how many lines were ever dropped.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Attach makes w the sink. The channel is closed when w is so no longer: after
// a write to it failed, Detach, another Attach or Close. Lines whose write
// failed go to the next sink. The caller keeps owning w, and closes it to
// interrupt a write that does not return.
func (q *Queue) Attach(w io.Writer) <-chan struct{} {
	a := &attachment{w, make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		close(a.lost)
		return a.lost
	}
	q.lose(q.attached)
	q.attached = a
	q.poke()
	return a.lost
}

// Detach takes w away if it is the sink; the fallback takes over.
func (q *Queue) Detach(w io.Writer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.attached != nil && q.attached.Writer == w {
		q.lose(q.attached)
	}
}

// SetFallback replaces the fallback; nil keeps lines for the next Attach.
func (q *Queue) SetFallback(w io.Writer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fallback = w
	q.poke()
}

// setReport sets what renders the line about dropped lines.
func (q *Queue) setReport(f func(dropped uint64) []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.report = f
}

// Flush waits until every line appended before the call is written or dropped.
func (q *Queue) Flush(ctx context.Context) error {
	q.mu.Lock()
	goal := q.appended
	q.mu.Unlock()
	for {
		progress := q.until(goal)
		if progress == nil {
			return nil
		}
		select {
		case <-progress:
		case <-q.done:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// until returns a channel that is closed at the next progress towards goal, or
// nil if it is reached.
func (q *Queue) until(goal uint64) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.settled >= goal {
		return nil
	}
	if q.progress == nil {
		q.progress = make(chan struct{})
	}
	return q.progress
}

// Close stops taking lines and waits under ctx until the queued ones are
// written and the writer has ended. Without any sink they are dropped. If a
// sink does not accept them the writer outlives a Close whose time is up, until
// the sink's owner closes it. Close may be called more than once.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	q.closing = true
	q.poke()
	q.mu.Unlock()
	select {
	case <-q.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The methods below need mu.

func (q *Queue) drop(n int) {
	q.dropped += uint64(n)
	q.settle(n)
}

func (q *Queue) settle(n int) {
	q.settled += uint64(n)
	if n > 0 && q.progress != nil {
		close(q.progress)
		q.progress = nil
	}
}

func (q *Queue) lose(a *attachment) {
	if a != nil && q.attached == a {
		q.attached = nil
		close(a.lost)
		q.poke()
	}
}

func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
