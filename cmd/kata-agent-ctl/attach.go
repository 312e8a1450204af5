// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/attach"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
)

type attachOptions struct {
	*global
	exec       string
	tty, stdin bool
}

func newAttach(g *global) *cobra.Command {
	o := &attachOptions{global: g}
	cmd := &cobra.Command{
		Use:     "attach [flags] <container>",
		Short:   "Join a container or a session that runs",
		GroupID: "use", Annotations: map[string]string{runsProgram: "yes"},
		Long: `Join standard streams and signals to a container that runs, or to a session of it with --exec,
until it ends; its exit status becomes this program's. Output that somebody else reads at the same
time goes to whoever asks first.`,
		Example: `  kata-agent-ctl attach c1
  kata-agent-ctl attach --stdin --tty --exec session-1 c1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.exec, "exec", "", "`id` of a session")
	_ = cmd.RegisterFlagCompletionFunc("exec", g.completeExec) // the flag is there
	f.BoolVarP(&o.tty, "tty", "t", false, "it has a terminal")
	f.BoolVarP(&o.stdin, "stdin", "i", false, "connect standard input, whose end is then its end of input")
	return cmd
}

func (o *attachOptions) run(ctx context.Context, container string) error {
	c, err := o.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	signals := attach.Notify()
	defer signals.Stop()
	p := client.Process{Client: c, Container: container, Exec: o.exec}
	if p.Exec == "" {
		p.Exec = container
	}
	how := join{tty: o.tty, stdin: o.stdin, keepInput: !o.stdin}
	return stay(context.WithoutCancel(ctx), p, signals, how)
}

// quiet is how long logs waits for output when it does not follow.
const quiet = 200 * time.Millisecond

func newLogs(g *global) *cobra.Command {
	var exec string
	var follow bool
	cmd := &cobra.Command{
		Use:     "logs [flags] <container>",
		Short:   "Print the output of a container that nobody has read yet",
		GroupID: "use",
		Long: `Print the output of a container, or of a session with --exec. An agent keeps no output: what is
printed here is taken out of the process's pipes, and whoever asks later does not get it again. In a
pod of a runtime, that is the runtime's.`,
		Example: `  kata-agent-ctl logs c1
  kata-agent-ctl logs --follow --exec session-1 c1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			if exec == "" {
				exec = args[0]
			}
			p := client.Process{Client: c, Container: args[0], Exec: exec}
			return drain(cmd, p, follow)
		},
	}
	cmd.Flags().StringVar(&exec, "exec", "", "`id` of a session")
	_ = cmd.RegisterFlagCompletionFunc("exec", g.completeExec) // the flag is there
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the output ends")
	return cmd
}

// drain copies both streams until they end or, if it does not follow, until nothing has come for a moment.
func drain(cmd *cobra.Command, p client.Process, follow bool) error {
	s := attach.Streams{Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr()}
	if !follow {
		s.Quiet = quiet
	}
	err := attach.Output(cmd.Context(), p, s)
	if cmd.Context().Err() != nil {
		return nil // somebody has seen enough
	}
	if call := new(client.Error); errors.As(err, &call) && call.Code() == codes.DeadlineExceeded {
		return nil
	}
	return err
}
