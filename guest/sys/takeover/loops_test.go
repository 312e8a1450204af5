// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// server runs loop 0 and 1 over what it is given.
type server struct {
	loops    Loops
	work     [Max]chan func()
	replaced [Max]atomic.Int32
	left     atomic.Int32 // goroutines that have lost their loop
}

func serve(t *testing.T, f func(s *server)) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		s.loops.Init(func(i int) {
			s.replaced[i].Add(1)
			go s.run(i)
		})
		for i := range s.work {
			s.work[i] = make(chan func())
			go s.run(i)
		}
		f(s)
		s.loops.Close()
		for i := range s.work {
			close(s.work[i])
		}
	})
}

func (s *server) run(i int) {
	for f := range s.work[i] {
		n := s.loops.Enter(i)
		f()
		if !s.loops.Leave(i, n) {
			s.left.Add(1)
			return
		}
	}
}

func (s *server) want(t *testing.T, first, second, left int32) {
	t.Helper()
	synctest.Wait()
	if a, b, l := s.replaced[0].Load(), s.replaced[1].Load(), s.left.Load(); a != first || b != second || l != left {
		t.Errorf("taken over %d and %d times, %d have left; want %d, %d, %d", a, b, l, first, second, left)
	}
}

// A handler that does not return keeps its goroutine and not its loop; the other loop goes on.
func TestStuckHandlerIsReplaced(t *testing.T) {
	serve(t, func(s *server) {
		release := make(chan struct{})
		s.work[0] <- func() { <-release }
		time.Sleep(lookEvery*stuckLooks + lookEvery/2)
		s.want(t, 1, 0, 0)
		s.work[0] <- func() { <-release }
		s.work[1] <- func() {}
		time.Sleep(time.Minute)
		s.want(t, 2, 0, 0)
		s.work[0] <- func() {}
		close(release)
		s.want(t, 2, 0, 2)
	})
}

// A loop that is in a handler at each look, but in another one, is not stuck. Nor is one that is slow.
func TestBusyLoopIsKept(t *testing.T) {
	serve(t, func(s *server) {
		for range 50 {
			s.work[0] <- func() { time.Sleep(lookEvery) }
			s.work[1] <- func() { time.Sleep(lookEvery * 3 / 2) }
		}
		time.Sleep(time.Minute)
		s.want(t, 0, 0, 0)
	})
}

// What is not used is not looked at.
func TestIdleLoopsHaveNoTimer(t *testing.T) {
	serve(t, func(s *server) {
		s.work[0] <- func() {}
		time.Sleep(3 * lookEvery)
		if s.loops.running.Load() {
			t.Error("the watch of idle loops goes on, want it to end")
		}
		release := make(chan struct{})
		s.work[0] <- func() { <-release }
		time.Sleep(time.Minute)
		s.want(t, 1, 0, 0)
		close(release)
		s.want(t, 1, 0, 1)
	})
}

// After Close nothing is taken over, and no timer is left.
func TestCloseEndsTheWatch(t *testing.T) {
	serve(t, func(s *server) {
		release := make(chan struct{})
		s.work[0] <- func() { <-release }
		s.loops.Close()
		time.Sleep(time.Minute)
		s.want(t, 0, 0, 0)
		close(release)
		s.work[0] <- func() {}
		s.want(t, 0, 0, 0)
	})
}

func BenchmarkEnterAndLeave(b *testing.B) {
	var l Loops
	l.Init(func(int) {})
	defer l.Close()
	for b.Loop() {
		if n := l.Enter(0); !l.Leave(0, n) {
			b.Fatal("taken over")
		}
	}
}
