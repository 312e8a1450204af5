// SPDX-License-Identifier: Apache-2.0

package coretest

import (
	"errors"

	"github.com/kata-containers/kata-agent/actors/core"
)

// Peer is an actor that only collects what it is told: a child, or one made by
// Actor.Peer.
type Peer struct {
	Name     string
	Ref      core.Ref
	Behavior core.Behavior // what it was spawned with; it does not run
	of       *Actor
}

// Told takes what the peer has been told since the last call. A request in it
// can be answered by its Reply; Actor.Run then runs what the reply causes.
func (p *Peer) Told() []core.Message { return p.of.stepper.Told(p.Ref) }

// Alive is false when the peer has exited or was stopped with its parent.
func (p *Peer) Alive() bool {
	select {
	case <-p.Ref.Done():
		return false
	default:
		return true
	}
}

// Exit lets the peer die: requests that it holds fail. If it is a child of the actor under test, that
// actor has handled its ChildExited when Exit returns.
func (p *Peer) Exit(cause error) {
	p.of.t.Helper()
	p.of.stepper.Exit(p.Ref, cause)
	p.of.Run()
}

func isPanic(err error) bool { return errors.Is(err, core.ErrPanicked) }
