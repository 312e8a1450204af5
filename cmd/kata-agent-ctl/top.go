// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/live"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/top"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newTop(g *global) *cobra.Command {
	var every time.Duration
	cmd := &cobra.Command{
		Use:     "top",
		Short:   "Watch an agent: what waits, sessions that stall, calls, actors",
		GroupID: "use",
		Long: `Watch an agent on the terminal: steps that take long and what they hold up, sessions with their
bytes a second and those that nobody reads, calls with rates and percentiles, the tree of actors.
Keys: 1, 2 and 3 show sessions, calls and actors, p stands still, q ends it.`,
		Example: `  kata-agent-ctl top
  kata-agent-ctl top --interval 5s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !term.IsTerminal(int(os.Stdout.Fd())) {
				return errors.New("top: standard output is no terminal; \"kata-agent-ctl ps -o json\" is for programs")
			}
			c, err := g.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			return top.Run(cmd.Context(), agentSource{c}, every)
		},
	}
	cmd.Flags().DurationVar(&every, "interval", time.Second, "`time` between two looks")
	return cmd
}

// agentSource looks at an agent by calls.
type agentSource struct{ *client.Client }

func (a agentSource) View(ctx context.Context) (*live.View, error) { return live.Fetch(ctx, a.Client) }
func (a agentSource) Actors(ctx context.Context) ([]live.Actor, error) {
	return live.FetchActors(ctx, a.Client)
}
