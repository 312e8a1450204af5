// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/attach"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/spf13/cobra"
)

// defaultPath is what runtimes give a process that has no PATH.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

type execOptions struct {
	*global
	execID, cwd, user  string
	env                []string
	tty, stdin, detach bool
}

func newExec(g *global) *cobra.Command {
	o := &execOptions{global: g}
	cmd := &cobra.Command{
		Use:     "exec [flags] <container> [--] <program> [argument...]",
		Short:   "Run a program in a container",
		GroupID: "use", Annotations: map[string]string{runsProgram: "yes"},
		Long: `Run a program in a container. Its streams are those of this program, and so is its exit status.
With --tty it gets a terminal, which follows the size of this one, and every key goes to it.
The container is named by its id, which for the pause container of a pod is the sandbox id.`,
		Example: `  kata-agent-ctl exec c1 ls -l /
  kata-agent-ctl exec --tty c1 top
  kata-agent-ctl exec --user 1000:1000 --env A=b --cwd /tmp c1 -- sh -c 'id; pwd; echo $A'
  tar c . | kata-agent-ctl exec c1 -- tar x -C /tmp
  kata-agent-ctl exec --detach c1 -- sleep 100      # prints the session's id`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: g.completeContainer,
		RunE: func(cmd *cobra.Command, args []string) error {
			program := args[1:]
			if program[0] == "--" { // left in place, because options end at the container's id
				program = program[1:]
			}
			if len(program) == 0 {
				return usageError{errors.New("exec: no program")}
			}
			process, err := o.process(program)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), args[0], process)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	o.flags(cmd)
	f.BoolVarP(&o.tty, "tty", "t", false, "give it a terminal")
	f.BoolVarP(&o.stdin, "stdin", "i", true, "connect standard input")
	f.BoolVarP(&o.detach, "detach", "d", false, "print the session's id and leave it running")
	return cmd
}

// flags are those that exec and shell have in common.
func (o *execOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.execID, "exec-id", "", "`id` of the session (default: a random one)")
	f.StringArrayVarP(&o.env, "env", "e", nil, "`NAME=value` for its environment; more than one may be given")
	f.StringVarP(&o.cwd, "cwd", "w", "/", "`directory` to run in")
	f.StringVarP(&o.user, "user", "u", "0", "`uid[:gid]` to run as")
}

// process is what a host would send: nothing of capabilities or limits, which are the container's.
func (o *execOptions) process(args []string) (*protocols.Process, error) {
	p := &protocols.Process{Args: args, Cwd: o.cwd, Terminal: o.tty, Env: []string{defaultPath}}
	if t := os.Getenv("TERM"); t != "" && o.tty {
		p.Env = append(p.Env, "TERM="+t)
	}
	for _, e := range o.env {
		if !strings.Contains(e, "=") {
			e += "=" + os.Getenv(e)
		}
		p.Env = append(p.Env, e)
	}
	uid, gid, _ := strings.Cut(o.user, ":")
	if gid == "" {
		gid = "0"
	}
	u, err1 := strconv.ParseUint(uid, 10, 32)
	g, err2 := strconv.ParseUint(gid, 10, 32)
	if err1 != nil || err2 != nil {
		return nil, usageError{fmt.Errorf("--user: %q is not uid or uid:gid (names are not known outside of the container)", o.user)}
	}
	p.User = &protocols.User{UID: uint32(u), GID: uint32(g)}
	if rows, columns := attach.Size(os.Stdin); o.tty && rows > 0 {
		p.ConsoleSize = &protocols.Box{Height: uint32(rows), Width: uint32(columns)}
	}
	return p, nil
}

func (o *execOptions) run(ctx context.Context, container string, process *protocols.Process) error {
	c, err := o.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	signals := attach.Notify() // for the session once it runs
	defer signals.Stop()
	started, fresh := false, o.execID == ""
	if fresh {
		o.execID = script.RandomID()
	}
	p := client.Process{Client: c, Container: container, Exec: o.execID}
	err = o.bear(ctx, c, birth{
		calls: func(ctx context.Context) error {
			request := &protocols.ExecProcessRequest{ContainerId: container, ExecId: o.execID, Process: process}
			err := c.Do(ctx, "ExecProcess", request)
			started = err == nil
			return err
		},
		made:  func() bool { return started },
		fresh: fresh, undo: killSession(p), signals: signals,
	})
	if err != nil {
		return err
	}
	if o.detach {
		fmt.Println(o.execID)
		return nil
	}
	return stay(context.WithoutCancel(ctx), p, signals, join{stdin: o.stdin, tty: o.tty})
}
