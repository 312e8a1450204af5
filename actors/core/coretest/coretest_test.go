// SPDX-License-Identifier: Apache-2.0

package coretest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
)

type start struct {
	core.Call[string]
	Image string
}

type wait struct{ core.Call[int] }

// machine is a small container: it starts by a work, then has a child, and
// answers its waiters when that exits. Other messages wait for the start.
type machine struct {
	parent  core.Ref
	running bool
	waiters []*wait
	cancel  func()
	cause   error
	stops   int
}

type slowStart struct{}

func (m *machine) Receive(t *core.Turn, msg core.Message) {
	switch msg := msg.(type) {
	case *start:
		m.start(t, msg)
	case *wait:
		if !m.running {
			t.Park()
			return
		}
		m.waiters = append(m.waiters, msg)
	case slowStart:
		m.parent.Tell("slow")
	case core.ChildExited:
		for _, w := range m.waiters {
			w.Reply(7, msg.Cause)
		}
		t.Stop(nil)
	case string:
		panic(msg)
	}
}

func (m *machine) start(t *core.Turn, req *start) {
	m.cancel = t.After(time.Second, slowStart{})
	core.Go(t, func(ctx context.Context) (string, error) {
		ctx, cancel := core.Join(ctx, req.Context())
		defer cancel()
		return "mounted " + req.Image, ctx.Err()
	}, func(t *core.Turn, mounted string, err error) {
		m.cancel()
		if err != nil {
			req.Reply("", err)
			return
		}
		if _, err = t.Spawn("init", m); err != nil {
			req.Reply("", err)
			return
		}
		m.running = true
		t.Log().Info("started")
		t.Unpark()
		req.Reply(mounted, nil)
	})
}

func (m *machine) Stopped(cause error) { m.cause, m.stops = cause, m.stops+1 }

func TestAWholeLife(t *testing.T) {
	m := &machine{}
	a := coretest.NewAt(t, "sandbox/c1", m)
	m.parent = a.Peer("sandbox").Ref
	started := coretest.Ask(a, &start{Image: "busybox"})
	waited := coretest.Ask(a, &wait{})
	if started.Done() || waited.Done() || len(a.Works()) != 1 || len(a.Timers()) != 1 {
		t.Fatalf("after start: %d works, %d timers", len(a.Works()), len(a.Timers()))
	}
	a.Work(0).Run()
	if v, err := started.Get(); v != "mounted busybox" || err != nil {
		t.Errorf("start: %q, %v", v, err)
	}
	if len(a.Timers()) != 0 {
		t.Error("the canceled timer is still there")
	}
	init := a.Child("init")
	if init.Ref.Path() != "sandbox/c1/init" || init.Behavior != core.Behavior(m) || !init.Alive() {
		t.Errorf("child %+v", init)
	}
	cause := errors.New("killed")
	init.Exit(cause)
	init.Exit(nil) // dead already
	if v, err := waited.Get(); v != 7 || !errors.Is(err, cause) {
		t.Errorf("wait: %d, %v, want %v", v, err, cause)
	}
	if a.Alive() || a.Cause() != nil || m.stops != 1 {
		t.Errorf("alive %t, cause %v, %d times Stopped", a.Alive(), a.Cause(), m.stops)
	}
	if _, err := coretest.Ask(a, &wait{}).Get(); !errors.Is(err, core.ErrStopped) {
		t.Errorf("after death: %v, want %v", err, core.ErrStopped)
	}
}

func TestTimerAndPeer(t *testing.T) {
	m := &machine{}
	a := coretest.New(t, m)
	sandbox := a.Peer("sandbox")
	m.parent = sandbox.Ref
	coretest.Ask(a, &start{})
	timer := a.Timers()[0]
	if timer.After != time.Second || timer.Message != (slowStart{}) {
		t.Errorf("timer %+v", timer)
	}
	timer.Fire()
	timer.Fire()
	if got := sandbox.Told(); !slices.Equal(got, []core.Message{"slow"}) {
		t.Errorf("peer was told %v", got)
	}
	if len(sandbox.Told()) != 0 {
		t.Error("Told gives a message twice")
	}
}

func TestCompleteInPlaceOfTheWork(t *testing.T) {
	a := coretest.New(t, &machine{})
	started := coretest.Ask(a, &start{})
	w := a.Work(0)
	failure := errors.New("no such device")
	w.Complete(nil, failure)
	if _, err := started.Get(); !errors.Is(err, failure) {
		t.Errorf("got %v, want %v", err, failure)
	}
	again := coretest.Ask(a, &start{})
	a.Work(0).Complete("given", nil)
	if v, err := again.Get(); v != "given" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
}

func TestCancelEndsTheWorkOfTheCall(t *testing.T) {
	a := coretest.New(t, &machine{})
	started := coretest.Ask(a, &start{})
	if !started.Cancel() {
		t.Error("Cancel of an open request is false")
	}
	a.Work(0).Run()
	if started.Done() || len(a.Children()) != 0 {
		t.Error("a canceled start went on")
	}
}

func TestStopTakesTheChildrenAlong(t *testing.T) {
	m := &machine{}
	a := coretest.New(t, m)
	coretest.Ask(a, &start{})
	a.Work(0).Run()
	open := coretest.Ask(a, &wait{})
	toChild := &wait{}
	var childErr error
	core.AskFunc(a.Child("init").Ref, toChild, func(_ int, err error) { childErr = err })
	if got := a.Child("init").Told(); len(got) != 1 || got[0] != core.Message(toChild) {
		t.Errorf("child was told %v", got)
	}
	coretest.Ask(a, &start{})
	work, timers := a.Work(0).Context(), a.Timers()
	a.Stop()
	a.Stop()
	if work.Err() == nil || len(timers) != 1 || len(a.Timers()) != 0 {
		t.Error("work or timer goes on after the death")
	}
	if _, err := open.Get(); !errors.Is(err, core.ErrStopped) {
		t.Errorf("open request: %v, want %v", err, core.ErrStopped)
	}
	if a.Child("init").Alive() || !errors.Is(childErr, core.ErrStopped) || m.stops != 1 {
		t.Errorf("child alive %t, its request %v, %d times Stopped, want %v and 1", a.Child("init").Alive(), childErr, m.stops, core.ErrStopped)
	}
}

// fake is a testing.TB that notes failures instead of failing.
type fake struct {
	testing.TB
	failures []string
	cleanups []func()
}

func (f *fake) Helper()                   {}
func (f *fake) Logf(string, ...any)       {}
func (f *fake) Cleanup(c func())          { f.cleanups = append(f.cleanups, c) }
func (f *fake) Fatal(args ...any)         { f.note(fmt.Sprint(args...)) }
func (f *fake) Errorf(s string, a ...any) { f.failures = append(f.failures, fmt.Sprintf(s, a...)) }
func (f *fake) Fatalf(s string, a ...any) { f.note(fmt.Sprintf(s, a...)) }

func (f *fake) note(s string) {
	f.failures = append(f.failures, s)
	panic(f)
}

// failure runs test and gives what it failed with.
func failure(t *testing.T, test func(testing.TB)) string {
	f := &fake{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(f) {
				panic(r)
			}
		}()
		test(f)
	}()
	for _, c := range f.cleanups {
		c()
	}
	return strings.Join(f.failures, "; ")
}

func TestFailuresAreNoticed(t *testing.T) {
	for want, test := range map[string]func(testing.TB){
		"internal error in actor": func(t testing.TB) { coretest.New(t, &machine{}).Tell("boom") },
		"has not replied":         func(t testing.TB) { _, _ = coretest.Ask(coretest.New(t, &machine{}), &wait{}).Get() },
		"has spawned no":          func(t testing.TB) { coretest.New(t, &machine{}).Child("init") },
		"0 works waiting":         func(t testing.TB) { coretest.New(t, &machine{}).Work(0) },
		"is not done":             func(t testing.TB) { coretest.New(t, busy{}).Tell("go") },
		"gives a string, not a int": func(t testing.TB) {
			a := coretest.New(t, &machine{})
			coretest.Ask(a, &start{})
			a.Work(0).Complete(3, nil)
		},
		"before": func(t testing.TB) {
			a := coretest.New(t, &machine{})
			coretest.Ask(a, &start{})
			w := a.Work(0)
			w.Run()
			w.Run()
		},
	} {
		if got := failure(t, test); !strings.Contains(got, want) {
			t.Errorf("got failure %q, want %q", got, want)
		}
	}
	expected := func(t testing.TB) {
		a := coretest.New(t, &machine{})
		a.Tell("boom")
		if !errors.Is(a.Cause(), core.ErrPanicked) {
			t.Errorf("cause %v, want %v", a.Cause(), core.ErrPanicked)
		}
	}
	if got := failure(t, expected); got != "" {
		t.Errorf("an expected panic fails the test: %s", got)
	}
}

// busy never ends.
type busy struct{}

func (busy) Receive(t *core.Turn, m core.Message) { t.Self().Tell(m) }
func (busy) Stopped(error)                        {}
