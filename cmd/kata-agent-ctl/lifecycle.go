// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// each runs a call for each container, also after one that failed, and prints the ids of those for
// which it went well, as docker does.
func (g *global) each(cmd *cobra.Command, ids []string, call func(context.Context, *client.Client, string) error) error {
	c, err := g.dial(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	var failed []error
	for _, id := range ids {
		if err := call(cmd.Context(), c, id); err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintln(cmd.OutOrStdout(), id)
	}
	return errors.Join(failed...)
}

// newEach is a command that is one call for each container.
func newEach(g *global, verb, short string, call func(context.Context, *client.Client, string) error) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " <container>...",
		Short:             short,
		GroupID:           "use",
		Example:           "  kata-agent-ctl " + verb + " c1",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE:              func(cmd *cobra.Command, ids []string) error { return g.each(cmd, ids, call) },
	}
}

func newPause(g *global) *cobra.Command {
	return newEach(g, "pause", "Freeze all processes of containers", func(ctx context.Context, c *client.Client, id string) error {
		return c.Do(ctx, "PauseContainer", &protocols.PauseContainerRequest{ContainerId: id})
	})
}

func newResume(g *global) *cobra.Command {
	cmd := newEach(g, "resume", "Thaw containers that are paused", func(ctx context.Context, c *client.Client, id string) error {
		return c.Do(ctx, "ResumeContainer", &protocols.ResumeContainerRequest{ContainerId: id})
	})
	cmd.Aliases = []string{"unpause"}
	return cmd
}

func newRemove(g *global) *cobra.Command {
	var timeout uint32
	cmd := newEach(g, "rm", "Remove containers; one that still runs is killed", func(ctx context.Context, c *client.Client, id string) error {
		return c.Do(ctx, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: id, Timeout: timeout})
	})
	cmd.Aliases, cmd.Example = []string{"remove"}, "  kata-agent-ctl rm c1 c2"
	cmd.Flags().Uint32Var(&timeout, "time", 0, "`seconds` that the agent may take; 0 is no limit")
	return cmd
}

func newKill(g *global) *cobra.Command {
	var exec, name string
	cmd := &cobra.Command{
		Use:     "kill <container>...",
		Short:   "Send a signal to containers or to a session",
		GroupID: "use",
		Long: `Send a signal. KILL goes to all processes of a container, any other signal to its first one. With
--exec it is for one session.`,
		Example: `  kata-agent-ctl kill c1
  kata-agent-ctl kill --signal TERM c1
  kata-agent-ctl kill --exec session-1 --signal HUP c1`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE: func(cmd *cobra.Command, ids []string) error {
			signal, err := script.Signal(name)
			if err != nil {
				return usageError{err}
			}
			return g.each(cmd, ids, func(ctx context.Context, c *client.Client, id string) error {
				return client.Process{Client: c, Container: id, Exec: exec}.Signal(ctx, signal)
			})
		},
	}
	cmd.Flags().StringVarP(&name, "signal", "s", unix.SignalName(unix.SIGKILL), "number or `name` of the signal")
	cmd.Flags().StringVar(&exec, "exec", "", "`id` of a session")
	_ = cmd.RegisterFlagCompletionFunc("exec", g.completeExec) // the flag is there
	return cmd
}

func newWait(g *global) *cobra.Command {
	var exec string
	cmd := &cobra.Command{
		Use:     "wait <container>",
		Short:   "Wait for the end of a container or a session, and print its exit status",
		GroupID: "use",
		Long: `Wait until the first process of a container has ended, or a session with --exec, and print its
exit status: 128 + n after signal n. An agent tells the status of a process once.`,
		Example: `  kata-agent-ctl wait c1
  kata-agent-ctl wait --exec session-1 c1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE: func(cmd *cobra.Command, ids []string) error {
			c, err := g.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			if exec == "" {
				exec = ids[0]
			}
			status, err := client.Process{Client: c, Container: ids[0], Exec: exec}.Wait(cmd.Context())
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), status)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&exec, "exec", "", "`id` of a session")
	_ = cmd.RegisterFlagCompletionFunc("exec", g.completeExec) // the flag is there
	return cmd
}
