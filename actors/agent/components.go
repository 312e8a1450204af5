// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"

	actor "github.com/kata-containers/kata-agent/actors/components"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/components"
	"github.com/kata-containers/kata-agent/guest/components/socket"
	"go.uber.org/zap"
)

// componentNotes says which components run, for the next agent.
const componentNotes = "/run/kata-agent/components"

// startComponents makes the actor of the guest components, or nobody for a guest without.
func startComponents(system *core.System, p Options) (core.Ref, error) {
	if len(p.Components) == 0 {
		return core.Ref{}, nil
	}
	return spawn(system, "components", actor.New(actor.Options{
		Processes: p.Components,
		Start: func(c components.Process, line func(string)) (actor.Running, error) {
			r, err := components.Start(c, line)
			if err != nil {
				return nil, err
			}
			if err := components.Note(componentNotes, c.ID, r); err != nil { // it may have ended already
				p.Log.Debug("an agent after this one will not know of a component", zap.Error(err))
			}
			return r, nil
		},
		Await: socket.Await,
		Print: func(id, line string) { p.Log.Info(line, zap.String("component", id)) },
	}))
}

// LaunchComponents starts the guest components, if there are any. The error names the one that does not
// become ready; it is nil without one if ctx ends.
func (a *Agent) LaunchComponents(ctx context.Context) error {
	if a.components == (core.Ref{}) {
		return nil
	}
	_, err := core.Ask(ctx, a.components, &actor.Launch{})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
