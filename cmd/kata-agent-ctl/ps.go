// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/live"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/output"
	"github.com/spf13/cobra"
)

func newPs(g *global) *cobra.Command {
	var format output.Format
	var sessions bool
	cmd := &cobra.Command{
		Use:     "ps [container...]",
		Short:   "List containers and their sessions, and what they wait for",
		GroupID: "use",
		Long: `List containers: state, first process, age and, if something is under way for one, what it waits
for and since when. With --sessions their processes too, with bytes that went in and came out and
what stalls.`,
		Example: `  kata-agent-ctl ps
  kata-agent-ctl ps --sessions c1
  kata-agent-ctl ps -o json`,
		ValidArgsFunction: g.completeContainer,
		RunE: func(cmd *cobra.Command, ids []string) error {
			view, list, err := g.containers(cmd.Context(), ids)
			if err != nil {
				return err
			}
			rows := containerRows(view, list)
			if sessions {
				rows = sessionRows(list)
			}
			return format.Write(cmd.OutOrStdout(), list, rows)
		},
	}
	cmd.Flags().VarP(&format, "output", "o", "table, json or yaml (default: table on a terminal, else json)")
	cmd.Flags().BoolVarP(&sessions, "sessions", "s", false, "a row for each process")
	return cmd
}

func newInspect(g *global) *cobra.Command {
	var format output.Format
	cmd := &cobra.Command{
		Use:     "inspect <container>...",
		Short:   "Show all that the agent tells of containers: sessions, streams, what is under way",
		GroupID: "use",
		Example: `  kata-agent-ctl inspect c1
  kata-agent-ctl inspect -o yaml c1`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE: func(cmd *cobra.Command, ids []string) error {
			view, list, err := g.containers(cmd.Context(), ids)
			if err != nil {
				return err
			}
			var all []inspected
			for _, c := range list {
				all = append(all, inspected{c, stepsOf(view, c.ID)})
			}
			if format == output.Auto {
				format = output.JSON // there is too much for a table
			}
			return format.Write(cmd.OutOrStdout(), all, nil)
		},
	}
	cmd.Flags().VarP(&format, "output", "o", "json (default) or yaml")
	return cmd
}

// inspected is a container with what is under way for it.
type inspected struct {
	live.Container
	Steps []live.Step `json:"steps"`
}

func stepsOf(view *live.View, id string) []live.Step {
	steps := []live.Step{}
	for _, s := range view.Steps {
		if s.Container == id {
			steps = append(steps, s)
		}
	}
	return steps
}

// view asks the agent what it does.
func (g *global) view(ctx context.Context) (*live.View, error) {
	c, err := g.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return live.Fetch(ctx, c)
}

// containers asks the agent, and picks the containers with these ids, or all.
func (g *global) containers(ctx context.Context, ids []string) (*live.View, []live.Container, error) {
	view, err := g.view(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, err := chosen(view, ids)
	return view, list, err
}

// chosen are the containers with these ids, or all.
func chosen(view *live.View, ids []string) ([]live.Container, error) {
	if len(ids) == 0 {
		return view.Containers, nil
	}
	var list []live.Container
	for _, id := range ids {
		found := false
		for _, c := range view.Containers {
			if c.ID == id {
				list, found = append(list, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no container %q", id)
		}
	}
	return list, nil
}

func containerRows(view *live.View, list []live.Container) output.Rows {
	rows := output.Rows{{"CONTAINER", "STATE", "PID", "AGE", "PROCESSES", "WAITS FOR"}}
	for _, c := range list {
		rows = append(rows, []string{
			c.ID, c.State, pid(c.Pid), output.Age(c.Seconds), strconv.Itoa(len(c.Sessions)), waiting(view, c),
		})
	}
	return rows
}

// waiting is the innermost step under way for a container, and since when.
func waiting(view *live.View, c live.Container) string {
	for _, s := range view.Steps {
		if s.Container == c.ID && s.Step == c.Doing {
			return s.Step + " for " + output.Age(s.Seconds)
		}
	}
	return c.Doing
}

func sessionRows(list []live.Container) output.Rows {
	rows := output.Rows{{"CONTAINER", "EXEC", "STATE", "PID", "AGE", "IN", "OUT", "ERR", "UNREAD", ""}}
	for _, c := range list {
		for _, s := range c.Sessions {
			rows = append(rows, []string{
				c.ID, s.Exec, s.State, pid(s.Pid), output.Age(s.Seconds), output.Bytes(s.Stdin), output.Bytes(s.Stdout),
				output.Bytes(s.Stderr), unread(s), stall(s),
			})
		}
	}
	return rows
}

func pid(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func unread(s live.Session) string {
	if s.Unread == nil {
		return ""
	}
	return output.Bytes(uint64(*s.Unread))
}

// stall says that nobody reads a session's output.
func stall(s live.Session) string {
	if !s.Stalled() {
		return " " // no "-": there is nothing to say
	}
	return "nobody reads for " + output.Age(s.Quiet)
}

// completionLimit is how long completion of ids may take: it is for somebody who has pressed a key.
const completionLimit = 500 * time.Millisecond

// completeContainer offers the ids of containers to the shell.
func (g *global) completeContainer(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionLimit)
	defer cancel()
	view, err := g.view(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, c := range view.Containers {
		ids = append(ids, c.ID+"\t"+c.State)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// completeExec offers the ids of sessions of the container that is the first argument, or of all.
func (g *global) completeExec(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionLimit)
	defer cancel()
	view, err := g.view(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, c := range view.Containers {
		for _, s := range c.Sessions {
			if s.Exec != c.ID && (len(args) == 0 || args[0] == c.ID) {
				ids = append(ids, s.Exec+"\t"+s.State)
			}
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
