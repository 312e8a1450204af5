// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/spf13/cobra"
)

type connectOptions struct {
	*global
	commands     []string
	file         string
	bundleDir    string
	ignoreErrors bool
	noAutoValues bool
	interactive  bool
}

func newConnect(g *global) *cobra.Command {
	o := &connectOptions{global: g}
	cmd := &cobra.Command{
		Use:     "connect -c <command>...",
		Short:   "Run a list of commands, as Kata's agent-ctl does",
		GroupID: "call",
		Long: `Run a list of commands on one connection. A command is the name of a call and its values:

  Check
  GetGuestDetails json://{"mem_block_size": true}
  CreateSandbox file:///tmp/sandbox.json
  ExecProcess cid=c1 exec_id=e1 json://{"process": {"Args": ["id"], "Cwd": "/"}}
  SignalProcess cid=c1 signal=SIGTERM

or one of echo, sleep <time>, repeat <n>, within <time>, on <name>, await, hangup <name>, list and
quit. A list that ran with the agent-ctl of Kata Containers runs here. Answers come as JSON, one on a line.

Values that a command leaves out are those of the command before (container, exec and sandbox id) or
made up. With -n nothing is filled in.`,
		Example: `  kata-agent-ctl connect -c Check -c GetGuestDetails
  kata-agent-ctl connect -c 'repeat 100' Check 'sleep 1s' Check
  kata-agent-ctl connect --bundle-dir ./bundle -c 'CreateContainer cid=c1' StartContainer \
      'ExecProcess exec_id=e1 json://{"process": {"Args": ["id"], "Cwd": "/"}}' ReadStdout WaitProcess
  kata-agent-ctl connect --file commands.txt
  kata-agent-ctl connect --interactive`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.commands, "cmd", "c", nil, "`command` to run; more than one may follow")
	f.StringVar(&o.file, "file", "", "`file` with a command on each line; - is standard input")
	f.StringVar(&o.bundleDir, "bundle-dir", "", "OCI bundle, for CreateContainer and ExecProcess")
	f.BoolVar(&o.ignoreErrors, "ignore-errors", false, "go on after a command that went wrong")
	f.BoolVarP(&o.noAutoValues, "no-auto-values", "n", false, "send only values that are given")
	f.BoolVarP(&o.interactive, "interactive", "i", false, "read commands from the terminal")
	return cmd
}

func (o *connectOptions) run(cmd *cobra.Command, args []string) error {
	if o.commands == nil {
		o.commands = args
	} else if len(args) > 0 {
		return usageError{fmt.Errorf("connect: unexpected argument %q", args[0])}
	}
	if len(o.commands) == 1 && (o.commands[0] == "list" || o.commands[0] == "help") {
		script.List(cmd.OutOrStdout())
		return nil
	}
	if len(o.commands) == 0 && o.file == "" && !o.interactive {
		return usageError{errors.New("connect: no command: give -c, --file or --interactive")}
	}
	log, err := o.log()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	c, err := o.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	r := &script.Runner{
		Caller: c, Out: cmd.OutOrStdout(), Log: log, IgnoreErrors: o.ignoreErrors,
		Dial: func(ctx context.Context) (script.Connection, error) { return o.dial(ctx) },
		Values: script.Values{
			Auto: !o.noAutoValues, BundleDir: o.bundleDir,
			PassOver: func(method, word string) { log.Warn(method + ": passed over " + word + ", which it does not have") },
		},
	}
	return o.sources(ctx, r)
}

// sources runs the commands of the command line, then those of the file, then those typed.
func (o *connectOptions) sources(ctx context.Context, r *script.Runner) error {
	err := r.Run(ctx, script.Lines(o.commands))
	if o.file != "" && goesOn(err) {
		err = errors.Join(err, o.fromFile(ctx, r))
	}
	if o.interactive && !r.Done() && goesOn(err) {
		// One mistyped command is no reason to leave, and none to end with an error.
		r.IgnoreErrors = true
		r.PerLine = endedByInterrupt
		ctx = context.WithoutCancel(ctx) // INT ends a line and not the program
		if typed := r.Run(ctx, prompt(os.Stdin, os.Stdout)); !errors.Is(typed, script.ErrFailed) {
			err = errors.Join(err, typed)
		}
	}
	return err
}

// goesOn tells whether what comes after a list of commands is run.
func goesOn(err error) bool { return err == nil || errors.Is(err, script.ErrFailed) }

func (o *connectOptions) fromFile(ctx context.Context, r *script.Runner) error {
	if o.file == "-" {
		return r.Run(ctx, script.Read(os.Stdin, "standard input"))
	}
	in, err := os.Open(o.file)
	if err != nil {
		return err
	}
	defer in.Close()
	return r.Run(ctx, script.Read(in, o.file))
}
