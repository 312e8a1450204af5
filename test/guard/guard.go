// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// Hang is how long a test waits for what should be there at once. It holds on a machine five times
// as slow with others at work on it.
const Hang = 2 * time.Minute

const (
	// Until and Holds look after the first of these, and ever more seldom.
	firstLook, longestLook = time.Millisecond, 20 * time.Millisecond
	// moment is how long Silent waits for what must not come.
	moment = 100 * time.Millisecond
)

// Context is one that ends with the test, and after Hang.
func Context(tb testing.TB) context.Context {
	tb.Helper()
	return ContextFor(tb, Hang)
}

// ContextFor is one that ends with the test, and after at least Hang; for work that takes its time.
func ContextFor(tb testing.TB, limit time.Duration) context.Context {
	tb.Helper()
	limit = max(limit, Hang)
	ctx, cancel := context.WithTimeoutCause(tb.Context(), limit, fmt.Errorf("not over after %v: a hang", limit))
	tb.Cleanup(cancel)
	return ctx
}

// Until waits for a condition.
func Until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	if !Holds(ok) {
		tb.Fatalf("waited %v: %s", Hang, what)
	}
}

// Holds waits for a condition, and returns whether it came.
func Holds(ok func() bool) bool {
	start, pause := time.Now(), firstLook
	for !ok() {
		if time.Since(start) > Hang {
			return false
		}
		time.Sleep(pause)
		pause = min(2*pause, longestLook)
	}
	return true
}

// Receive waits for a value from c, or for its end, which gives the zero value.
func Receive[T any](tb testing.TB, what string, c <-chan T) T {
	tb.Helper()
	limit := time.NewTimer(Hang)
	defer limit.Stop()
	select {
	case v := <-c:
		return v
	case <-limit.C:
		tb.Fatalf("waited %v: %s", Hang, what)
		panic("not reached")
	}
}

// Moment waits as long as Silent does, for what must not happen where there is no channel.
func Moment() { time.Sleep(moment) }

// Silent gives what must not come a moment to come. On a slow machine it can overlook a fault, and
// finds none where there is none.
func Silent[T any](tb testing.TB, what string, c <-chan T) {
	tb.Helper()
	select {
	case v := <-c:
		tb.Errorf("came, and must not: %s: %v", what, v)
	case <-time.After(moment):
	}
}

// Expiring is a context whose deadline passes when expire is called: its error is
// context.DeadlineExceeded then. It ends with parent too.
func Expiring(parent context.Context) (ctx context.Context, expire func()) {
	e := &expiring{Context: parent, deadline: time.Now().Add(Hang), done: make(chan struct{})}
	context.AfterFunc(parent, func() { e.end(parent.Err()) })
	return e, func() { e.end(context.DeadlineExceeded) }
}

// expiring has a deadline, as code that asks for one expects. Its channel is its own, so that
// contexts made of it ask it, and not parent, why it has ended.
type expiring struct {
	context.Context
	deadline time.Time
	done     chan struct{}

	mu  sync.Mutex
	err error
}

func (e *expiring) Deadline() (time.Time, bool) { return e.deadline, true }

func (e *expiring) Done() <-chan struct{} { return e.done }

func (e *expiring) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

func (e *expiring) end(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
		close(e.done)
	}
}
