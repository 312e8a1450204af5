// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// Actor is the behaviour under test. It is used on the test's goroutine only.
type Actor struct {
	t         testing.TB
	stepper   *core.Stepper
	children  []*Peer
	works     []*Work
	timers    []*Timer
	inspected bool
}

// turnLimit is far above what one message causes; beyond it a behaviour keeps
// itself busy for ever.
const turnLimit = 10000

// New puts b into an actor with the path "actor".
func New(t testing.TB, b core.Behavior) *Actor { return NewAt(t, "actor", b) }

// NewAt puts b into an actor with the given path.
func NewAt(t testing.TB, path string, b core.Behavior) *Actor {
	t.Helper()
	a := &Actor{t: t}
	log := zaptest.NewLogger(t, zaptest.WrapOptions(zap.WithCaller(false)))
	a.stepper = core.NewStepper(log, path, b, core.Hooks{Spawned: a.spawned, Started: a.started, Armed: a.armed})
	t.Cleanup(func() {
		if cause, dead := a.stepper.Cause(); dead && !a.inspected && isPanic(cause) {
			t.Errorf("actor %s died: %v", path, cause)
		}
	})
	return a
}

// Ref is the actor's, as others have it. What is told to it waits for Run.
func (a *Actor) Ref() core.Ref { return a.stepper.Ref() }

// Tell tells m and runs all turns that follow.
func (a *Actor) Tell(m core.Message) {
	a.t.Helper()
	a.Ref().Tell(m)
	a.Run()
}

// Run runs turns until the mailbox is empty or the actor dead.
func (a *Actor) Run() {
	a.t.Helper()
	for range turnLimit {
		if !a.stepper.Step() {
			return
		}
	}
	a.t.Fatalf("actor %s has handled %d messages and is not done", a.Ref().Path(), turnLimit)
}

// Stop stops the actor as its parent would.
func (a *Actor) Stop() { a.stepper.Stop() }

// Alive is false when the actor is dead.
func (a *Actor) Alive() bool {
	_, dead := a.stepper.Cause()
	return !dead
}

// Cause is why the actor is dead: nil when it was asked to stop, or lives.
func (a *Actor) Cause() error {
	a.inspected = true
	cause, _ := a.stepper.Cause()
	return cause
}

// Children are all that were ever spawned, in order.
func (a *Actor) Children() []*Peer { return a.children }

// Child is the youngest child of that name. The test fails when there is none.
func (a *Actor) Child(name string) *Peer {
	a.t.Helper()
	for i := len(a.children) - 1; i >= 0; i-- {
		if a.children[i].Name == name {
			return a.children[i]
		}
	}
	a.t.Fatalf("actor %s has spawned no %q", a.Ref().Path(), name)
	return nil
}

// Peer makes another actor, for what the behaviour is given a Ref of.
func (a *Actor) Peer(path string) *Peer {
	return &Peer{Name: path, Ref: a.stepper.Peer(path), of: a}
}

func (a *Actor) spawned(child core.Ref, name string, b core.Behavior) {
	a.children = append(a.children, &Peer{Name: name, Ref: child, Behavior: b, of: a})
}
