// SPDX-License-Identifier: Apache-2.0

package core_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// script is a behaviour made of functions.
type script struct {
	receive func(*core.Turn, core.Message)
	stopped func(error)
}

func (s *script) Receive(t *core.Turn, m core.Message) {
	switch f := m.(type) {
	case func(*core.Turn): // a message that is its own handling
		f(t)
	default:
		if s.receive != nil {
			s.receive(t, m)
		}
	}
}

func (s *script) Stopped(cause error) {
	if s.stopped != nil {
		s.stopped(cause)
	}
}

// double asks for twice N.
type double struct {
	core.Call[int]
	N int
}

// env is a system in a bubble of its own: synctest fails the test when a
// goroutine is left, and its clock moves only when everything waits.
type env struct {
	t    *testing.T
	sys  *core.System
	logs *observer.ObservedLogs
}

func bubble(t *testing.T, f func(*env), opts ...core.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		obs, logs := observer.New(zapcore.DebugLevel)
		e := &env{t, core.NewSystem(zap.New(obs), opts...), logs}
		f(e)
		if err := e.sys.Stop(e.hangGuard()); err != nil {
			t.Errorf("stop: %v", err)
		}
		if left := e.sys.Tree(); len(left) != 0 {
			t.Errorf("actors left: %v", left)
		}
	})
}

func (e *env) hangGuard() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	e.t.Cleanup(cancel)
	return ctx
}

func (e *env) spawn(name string, b core.Behavior) core.Ref {
	e.t.Helper()
	ref, err := e.sys.Spawn(name, b)
	if err != nil {
		e.t.Fatal(err)
	}
	return ref
}

// do runs f as a turn of ref and waits for it.
func (e *env) do(ref core.Ref, f func(*core.Turn)) {
	e.t.Helper()
	done := make(chan struct{})
	ref.Tell(func(t *core.Turn) {
		defer close(done)
		f(t)
	})
	select {
	case <-done:
	case <-ref.Done():
		select {
		case <-done: // it ran, and was the last
		default:
			e.t.Fatalf("%s is dead", ref.Path())
		}
	}
}

// child spawns one below parent.
func (e *env) child(parent core.Ref, name string, b core.Behavior) (ref core.Ref) {
	e.t.Helper()
	e.do(parent, func(t *core.Turn) {
		var err error
		if ref, err = t.Spawn(name, b); err != nil {
			e.t.Error(err)
		}
	})
	return ref
}

// answer is where a reply arrives.
type answer struct {
	mu     sync.Mutex
	times  int
	v      int
	err    error
	cancel func() bool
}

func (a *answer) set(v int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.v, a.err = v, err
	a.times++
}

func (a *answer) get() (times, v int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.times, a.v, a.err
}

func askFunc(to core.Ref, req *double) *answer {
	a := &answer{}
	a.cancel = core.AskFunc(to, req, a.set)
	return a
}

// failed checks that the call was answered once, with an error of all kinds.
func failed(t *testing.T, what string, a *answer, kinds ...error) {
	t.Helper()
	times, _, err := a.get()
	if times != 1 {
		t.Errorf("%s: answered %d times, want once", what, times)
	}
	for _, k := range kinds {
		if !errors.Is(err, k) {
			t.Errorf("%s: got error %v, want a %q", what, err, k)
		}
	}
}

// record is an ordered note of what happened.
type record struct {
	mu   sync.Mutex
	what []string
}

func (r *record) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.what = append(r.what, s)
}

func (r *record) want(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.what, want) {
		t.Errorf("got %q, want %q", r.what, want)
	}
}
