// SPDX-License-Identifier: Apache-2.0

// Goclient drives the agent by the client package of the Go runtime, with the messages and the ttRPC
// library it brings. It makes the calls that host makes, and prints how many were answered well:
// `ok=<n> failed=<n>`. It exits with 0 if none has failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/client"
)

// options are those of the command line.
type options struct {
	socket   string
	calls    int
	atOnce   int
	spec     string
	rootfs   string
	cgroup   string
	sessions int
	destroy  bool
}

// dialTimeout is how long the host tries to reach the agent, in seconds.
const dialTimeout = 5

func main() {
	outcome, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Printf("ok=%d failed=%d\n", outcome.ok.Load(), outcome.failed.Load())
	if outcome.failed.Load() > 0 {
		os.Exit(1)
	}
}

func run(args []string) (*outcome, error) {
	commands := map[string]func(context.Context, *client.AgentClient, *options, *outcome){"storm": storm, "pod": pod}
	if len(args) == 0 || commands[args[0]] == nil {
		return nil, fmt.Errorf("usage: goclient storm|pod --socket PATH [options]")
	}
	var o options
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.StringVar(&o.socket, "socket", "", "path of the agent's unix socket")
	flags.IntVar(&o.calls, "calls", 10000, "storm: how many calls")
	flags.IntVar(&o.atOnce, "at-once", 50, "how many calls or sessions at a time")
	flags.StringVar(&o.spec, "spec", "", "pod: config.json of its containers")
	flags.StringVar(&o.rootfs, "rootfs", "", "pod: root file system of the container")
	flags.StringVar(&o.cgroup, "cgroup", "/foreign-goclient", "pod: parent of the container's cgroup")
	flags.IntVar(&o.sessions, "sessions", 20, "pod: how many exec sessions")
	flags.BoolVar(&o.destroy, "destroy", false, "pod: end with DestroySandbox")
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	ctx := context.Background()
	// The scheme of the runtime's tests: a plain unix socket.
	c, err := client.NewAgentClient(ctx, "mock://"+o.socket, dialTimeout)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.socket, err)
	}
	defer c.Close()
	var result outcome
	commands[args[0]](ctx, c, &o, &result)
	return &result, nil
}
