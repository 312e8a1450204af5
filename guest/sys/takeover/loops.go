// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"sync"
	"sync/atomic"
	"time"
)

// Max is how many loops one Loops can have.
const Max = 2

const (
	// lookEvery is the time between two looks at loops that are used.
	lookEvery = 100 * time.Millisecond
	// stuckLooks is how many looks in a row must find a handler at the same call before its loop
	// is taken over. One would do if the machine never stood still; after a pause of the whole
	// guest it would take the loop from a goroutine that is not stuck, and two goroutines would
	// then serve the calls of one stream out of their order.
	stuckLooks = 3
)

// Loops are the loops of one owner. It is used after Init and not copied.
type Loops struct {
	loops   [Max]loop
	replace func(i int)
	running atomic.Bool // the timer is set, or the look is under way

	mu     sync.Mutex
	closed bool
	timer  *time.Timer
}

// loop gives things to handlers, one after the other. One goroutine runs it at a time. The number is
// odd while that goroutine is in a handler.
type loop struct {
	n    atomic.Uint64
	seen uint64 // the number at the last look
	same int    // how many looks in a row have found that number, in a handler
}

// Init makes the loops. replace starts a goroutine that goes on with loop i; it must not block.
func (l *Loops) Init(replace func(i int)) {
	l.replace = replace
	l.timer = time.AfterFunc(time.Hour, l.look)
	l.timer.Stop()
}

// Enter begins a handler in loop i, at most Max-1. Only the goroutine that runs the loop may call
// it. The number is for Leave.
func (l *Loops) Enter(i int) uint64 {
	n := l.loops[i].n.Add(1)
	if !l.running.Load() {
		l.start()
	}
	return n
}

// Leave ends a handler. It returns false when another goroutine has taken over the loop: the
// caller must end and touch nothing that belongs to the loop.
func (l *Loops) Leave(i int, n uint64) (mine bool) { return l.loops[i].n.CompareAndSwap(n, n+1) }

// Close ends the watch. A take-over that is under way may still call replace.
func (l *Loops) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.timer.Stop()
}

func (l *Loops) start() {
	if l.running.CompareAndSwap(false, true) {
		l.reset()
	}
}

func (l *Loops) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.timer.Reset(lookEvery)
	}
}

// look takes over the loops whose handlers do not return. It is the timer's function.
func (l *Loops) look() {
	active := false
	for i := range l.loops {
		active = l.lookAt(i) || active
	}
	if active {
		l.reset()
		return
	}
	var seen [Max]uint64 // the next look may begin before this one has returned
	for i := range l.loops {
		seen[i] = l.loops[i].seen
	}
	l.running.Store(false)
	for i := range l.loops {
		if l.loops[i].n.Load() != seen[i] {
			l.start() // a handler that began meanwhile has not started the watch: it was still running
		}
	}
}

// lookAt tells whether loop i has been used since the last look, and takes it over if it is stuck.
func (l *Loops) lookAt(i int) bool {
	p := &l.loops[i]
	n := p.n.Load()
	if n != p.seen {
		p.seen, p.same = n, 1
		return true
	}
	if n%2 == 0 {
		return false
	}
	if p.same++; p.same >= stuckLooks && l.Leave(i, n) {
		l.replace(i)
	}
	return true
}
