// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/attach"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/bundle"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"
)

type runOptions struct {
	*global
	id, rootfs        string
	tty, stdin        bool
	detach, rm, whole bool
}

func newRun(g *global) *cobra.Command {
	o := &runOptions{global: g}
	cmd := &cobra.Command{
		Use:     "run [flags] <bundle> [-- argument...]",
		Short:   "Create and start a container from an OCI bundle",
		GroupID: "use", Annotations: map[string]string{runsProgram: "yes"},
		Long: `Create and start a container from an OCI bundle: a directory with a config.json of the runtime
specification and a root file system. Its streams are those of this program, and so is its exit
status. Arguments behind -- replace those of the bundle.

The agent gets what a host would send: without hooks, seccomp profile, the network, pid and cgroup
namespaces. --as-is sends the specification as it is. The root file system has to be where the agent
is: for one in a virtual machine say --rootfs and its path there.`,
		Example: `  kata-agent-ctl run --rm ./bundle
  kata-agent-ctl run --rm --tty ./bundle -- sh
  kata-agent-ctl run --id c1 --detach ./bundle
  echo data | kata-agent-ctl run --rm ./bundle -- sha256sum
  kata-agent-ctl run --id c2 --rootfs /run/kata-containers/shared/containers/c2/rootfs ./bundle`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.id, "id", "", "`id` of the container (default: a random one)")
	f.StringVar(&o.rootfs, "rootfs", "", "`path` of the root file system where the agent is")
	f.BoolVarP(&o.tty, "tty", "t", false, "give it a terminal (default: if the bundle asks for one and this is one)")
	f.BoolVarP(&o.stdin, "stdin", "i", true, "connect standard input")
	f.BoolVarP(&o.detach, "detach", "d", false, "print the id and leave it running")
	f.BoolVar(&o.rm, "rm", false, "remove the container when it has ended")
	f.BoolVar(&o.whole, "as-is", false, "send the specification whole")
	return cmd
}

func (o *runOptions) run(cmd *cobra.Command, args []string) error {
	if o.detach && o.rm {
		return usageError{errors.New("run: --rm needs somebody who waits for the end: leave out --detach")}
	}
	log, err := o.log()
	if err != nil {
		return err
	}
	spec, err := o.spec(cmd, args)
	if err != nil {
		return err
	}
	if lost := bundle.Lost(spec); len(lost) > 0 {
		log.Warn("no place in the message for", slog.Any("members", lost))
	}
	c, err := o.dial(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	// From here on signals are noted, for the container once it runs.
	signals := attach.Notify()
	defer signals.Stop()
	if err := o.create(cmd.Context(), c, spec, signals); err != nil {
		return err
	}
	if o.detach {
		fmt.Println(o.id)
		return nil
	}
	ctx := context.WithoutCancel(cmd.Context())
	err = stay(ctx, client.Process{Client: c, Container: o.id, Exec: o.id}, signals,
		join{stdin: o.stdin, tty: spec.Process.Terminal})
	if o.rm || !errors.As(err, new(exitStatus)) && err != nil {
		if e := c.Do(ctx, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: o.id}); e != nil && err == nil {
			err = e
		}
	}
	return err
}

// create creates and starts the container. One that does not start is removed.
func (o *runOptions) create(ctx context.Context, c *client.Client, spec *specs.Spec, signals *attach.Signals) error {
	created, fresh := false, o.id == ""
	if fresh {
		o.id = script.RandomID()
	}
	return o.bear(ctx, c, birth{
		calls: func(ctx context.Context) error {
			request := &protocols.CreateContainerRequest{ContainerId: o.id, ExecId: o.id, OCI: bundle.Spec(spec)}
			if err := c.Do(ctx, "CreateContainer", request); err != nil {
				return err
			}
			created = true
			return c.Do(ctx, "StartContainer", &protocols.StartContainerRequest{ContainerId: o.id})
		},
		made:  func() bool { return created },
		fresh: fresh, undo: removeContainer(o.id), signals: signals,
	})
}

// spec is the bundle's specification with the changes that the options ask for.
func (o *runOptions) spec(cmd *cobra.Command, args []string) (*specs.Spec, error) {
	spec, err := bundle.Load(args[0])
	if err != nil {
		return nil, err
	}
	if !o.whole {
		bundle.AsHost(spec)
	}
	if o.rootfs != "" {
		if spec.Root == nil {
			spec.Root = new(specs.Root)
		}
		spec.Root.Path = o.rootfs
	}
	if len(args) > 1 {
		spec.Process.Args = args[1:]
	}
	rows, columns := attach.Size(os.Stdin)
	if cmd.Flags().Changed("tty") {
		spec.Process.Terminal = o.tty
	} else {
		spec.Process.Terminal = spec.Process.Terminal && rows > 0
	}
	if spec.Process.Terminal && rows > 0 {
		spec.Process.ConsoleSize = &specs.Box{Height: uint(rows), Width: uint(columns)}
	}
	return spec, nil
}
