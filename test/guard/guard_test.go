// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a test whose failure is looked at.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; panic(r) }

// fails is whether f fails its test.
func fails(t *testing.T, f func(tb testing.TB)) (failed bool) {
	r := &recorder{TB: t}
	defer func() {
		if v := recover(); v != nil && v != any(r) {
			panic(v)
		}
		failed = r.failed
	}()
	f(r)
	return r.failed
}

func TestAConditionThatComesLateIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := time.Now().Add(Hang - time.Second)
		if fails(t, func(tb testing.TB) { Until(tb, "late", func() bool { return time.Now().After(late) }) }) {
			t.Error("gave up before the limit")
		}
		if !fails(t, func(tb testing.TB) { Until(tb, "never", func() bool { return false }) }) {
			t.Error("waits for ever")
		}
	})
}

func TestReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(chan int)
		go func() {
			time.Sleep(Hang - time.Second)
			c <- 7
		}()
		if v := Receive(t, "a number", c); v != 7 {
			t.Errorf("received %d, want 7", v)
		}
		if !fails(t, func(tb testing.TB) { Receive(tb, "nothing", c) }) {
			t.Error("waits for ever")
		}
	})
}

func TestSilent(t *testing.T) {
	c := make(chan int, 1)
	Silent(t, "nothing", c)
	c <- 1
	if !fails(t, func(tb testing.TB) { Silent(tb, "something", c) }) {
		t.Error("what came was no failure")
	}
}

func TestExpiring(t *testing.T) {
	ctx, expire := Expiring(t.Context())
	if _, ok := ctx.Deadline(); !ok || ctx.Err() != nil {
		t.Fatalf("has no deadline, or is over: %v", ctx.Err())
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	expire()
	<-inner.Done()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(inner.Err(), context.DeadlineExceeded) {
		t.Errorf("ended with %v, what was made of it with %v; want %v", ctx.Err(), inner.Err(), context.DeadlineExceeded)
	}
	parent, end := context.WithCancel(t.Context())
	ctx, _ = Expiring(parent)
	end()
	<-ctx.Done()
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("ended with %v after its parent's end, want %v", ctx.Err(), context.Canceled)
	}
}
