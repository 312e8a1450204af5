// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/output"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/spf13/cobra"
)

// event is something that happened to a container.
type event struct {
	Time      time.Time `json:"time"`
	Container string    `json:"container"`
	Event     string    `json:"event"`
}

func newEvents(g *global) *cobra.Command {
	var format output.Format
	cmd := &cobra.Command{
		Use:     "events",
		Short:   "Print events of containers as they happen: memory that ran out",
		GroupID: "use",
		Long: `Print events of containers as they happen, until ^C. The protocol has one kind, oom: a process of
the container was killed for want of memory. Each event goes to one of those who ask; in a pod of a
runtime that may be the runtime.`,
		Example: "  kata-agent-ctl events",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			for {
				reply, err := c.Ask(cmd.Context(), "GetOOMEvent", &protocols.GetOOMEventRequest{})
				if cmd.Context().Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
				e := event{time.Now(), reply.(*protocols.OOMEvent).ContainerId, "oom"}
				if err := printEvent(cmd, format, e); err != nil {
					return err
				}
			}
		},
	}
	cmd.Flags().VarP(&format, "output", "o", "table, json or yaml (default: table on a terminal, else json)")
	return cmd
}

func printEvent(cmd *cobra.Command, format output.Format, e event) error {
	out := cmd.OutOrStdout()
	if format.For(out) == output.Table {
		_, err := fmt.Fprintf(out, "%s  %s  %s\n", e.Time.Format(time.TimeOnly), e.Event, e.Container)
		return err
	}
	return format.Write(out, e, nil)
}
