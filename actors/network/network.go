// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/network/netlink"
)

// network is the actor: changes wait in its queue while one is made.
type network struct {
	kernel Kernel
	busy   bool
}

// New makes the behaviour.
func New(kernel Kernel) core.Behavior { return &network{kernel: kernel} }

// Receive handles one message.
func (n *network) Receive(t *core.Turn, m core.Message) {
	if n.busy {
		t.ParkBehind(core.StepNetwork)
		return
	}
	switch m := m.(type) {
	case *UpdateInterface:
		change(n, t, m, "UpdateInterface", func(context.Context) (struct{}, error) {
			return struct{}{}, n.kernel.UpdateInterface(m.Want, m.Plugged)
		})
	case *UpdateRoutes:
		change(n, t, m, "UpdateRoutes", func(context.Context) ([]netlink.Route, error) { return n.kernel.UpdateRoutes(m.Want) })
	case *AddNeighbors:
		change(n, t, m, "AddARPNeighbors", func(context.Context) (struct{}, error) { return struct{}{}, n.kernel.AddNeighbors(m.Add) })
	case *SetIPTables:
		change(n, t, m, "SetIPTables", func(ctx context.Context) ([]byte, error) {
			return n.kernel.SetIPTables(ctx, m.Family, m.Rules)
		})
	}
}

// call is what a change needs of its request.
type call[R any] interface {
	Context() context.Context
	Reply(R, error)
}

// change makes one change beside the mailbox. Its context ends when the caller has gone away. If
// that happened while the request waited, the change is not made.
func change[R any](n *network, t *core.Turn, c call[R], name string, make func(context.Context) (R, error)) {
	if err := c.Context().Err(); err != nil {
		var none R
		c.Reply(none, err)
		return
	}
	n.busy = true
	core.Go(t, func(actor context.Context) (r R, err error) {
		ctx, cancel := core.Join(actor, c.Context())
		defer cancel()
		err = core.Step(ctx, core.StepNetwork, name, func(ctx context.Context) (err error) {
			r, err = make(ctx)
			return err
		})
		return r, err
	}, func(t *core.Turn, r R, err error) {
		n.busy = false
		c.Reply(r, err)
		t.Unpark()
	})
}

// Stopped has nothing to give back.
func (n *network) Stopped(error) {}
