// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
)

// Change is one change. Work runs beside the mailbox, after all changes asked for before
// it; its context ends when the one who asked has gone.
type Change struct {
	core.Call[struct{}]
	Work func(context.Context) error
}

// network is the actor: changes wait in its queue while one is made.
type network struct{ busy bool }

// New makes the behaviour.
func New() core.Behavior { return &network{} }

// Receive handles one message.
func (n *network) Receive(t *core.Turn, m core.Message) {
	change, ok := m.(*Change)
	if !ok {
		return
	}
	if n.busy {
		t.Park()
		return
	}
	if err := change.Context().Err(); err != nil { // its asker has gone while it waited
		change.Reply(struct{}{}, err)
		return
	}
	n.busy = true
	core.Go(t, func(actor context.Context) (struct{}, error) {
		ctx, cancel := core.Join(actor, change.Context())
		defer cancel()
		return struct{}{}, change.Work(ctx)
	}, func(t *core.Turn, _ struct{}, err error) {
		n.busy = false
		change.Reply(struct{}{}, err)
		t.Unpark()
	})
}

// Stopped has nothing to give back.
func (n *network) Stopped(error) {}
