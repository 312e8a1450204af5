// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/address"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// addressVariable is the environment variable with the agent's address; the agent itself reads it too.
const addressVariable = "KATA_AGENT_SERVER_ADDR"

// dialPatience is how long to wait for an agent that does not listen yet.
const dialPatience = 3 * time.Second

// global are the options of all commands.
type global struct {
	address    string
	hybrid     bool
	hybridPort uint32
	timeout    string
	logLevel   string
}

func newRoot() *cobra.Command {
	g := new(global)
	root := &cobra.Command{
		Use:   "kata-agent-ctl",
		Short: "Talk to a Kata Containers agent",
		Long: `Talk to a Kata Containers agent as a host does.

The agent is named by --server-address or by ` + addressVariable + `:

  unix:///run/agent.sock         a socket file
  unix://@/tmp/agent             a name in the abstract namespace
  vsock://3:1024                 context id and port of a virtual machine
  hvsock:///run/clh.sock:1024    the socket file of Cloud Hypervisor or Firecracker, and the port
  unix:///run/clh.sock --hybrid-vsock    the same, with --hybrid-vsock-port 1024`,
		Example: `  export ` + addressVariable + `=unix:///run/agent.sock
  kata-agent-ctl call Check
  kata-agent-ctl run ./bundle
  kata-agent-ctl shell c1
  kata-agent-ctl connect -c Check -c GetGuestDetails`,
		Version:       version + " (" + commit + ")",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := root.PersistentFlags()
	f.StringVar(&g.address, "server-address", "", "`URI` of the agent (default $"+addressVariable+")")
	f.BoolVar(&g.hybrid, "hybrid-vsock", false, "a unix:// address is the socket of a hypervisor with hybrid vsock")
	f.Uint32Var(&g.hybridPort, "hybrid-vsock-port", address.AgentPort, "`port` of the agent behind it")
	f.StringVar(&g.timeout, "timeout", "0", "`time` limit of each call: 5s, 200ms, or nanoseconds; 0 is none")
	f.StringVarP(&g.logLevel, "log-level", "l", "warn", "`level` of messages on stderr: trace, debug, info, warn, error")
	root.AddGroup(&cobra.Group{ID: "use", Title: "Containers and sessions:"},
		&cobra.Group{ID: "call", Title: "Calls:"}, &cobra.Group{ID: "load", Title: "Load:"})
	root.AddCommand(newConnect(g), newCall(g), newList(), newBundle(), newRun(g), newExec(g), newShell(g), newPs(g), newTop(g), newInspect(g), newAttach(g), newLogs(g), newKill(g), newWait(g), newPause(g),
		newResume(g), newUpdate(g), newStats(g), newEvents(g), newRemove(g), newCopy(g), newLoad(g), newCompare(), newPolicy(g), newTrace(),
		newGenerate("generate-cid", "container"), newGenerate("generate-sid", "sandbox"), newExamples(), newMan())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	markUsage(root)
	return root
}

// markUsage makes errors about the number of arguments usage errors, of a command and those below it.
func markUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}

// dial connects to the agent.
func (g *global) dial(ctx context.Context) (*client.Client, error) {
	a, err := g.parse()
	if err != nil {
		return nil, err
	}
	limit, err := script.Duration(g.timeout)
	if err != nil {
		return nil, fmt.Errorf("--timeout: %w", err)
	}
	return client.Dial(ctx, a, client.Options{Timeout: limit, Patience: dialPatience})
}

func (g *global) parse() (address.Address, error) {
	uri := g.address
	if uri == "" {
		uri = os.Getenv(addressVariable)
	}
	if uri == "" {
		return address.Address{}, usageError{errors.New("no agent named: give --server-address or set " + addressVariable)}
	}
	return address.Parse(uri, g.hybrid, g.hybridPort)
}

// levels are those of Kata's tools.
var levels = map[string]slog.Level{
	"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo,
	"warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError, "critical": slog.LevelError + 4,
}

// log is for people on a terminal and for programs elsewhere.
func (g *global) log() (*slog.Logger, error) {
	level, ok := levels[strings.ToLower(g.logLevel)]
	if !ok {
		return nil, fmt.Errorf("--log-level: unknown level %q", g.logLevel)
	}
	o := &slog.HandlerOptions{Level: level}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		return slog.New(slog.NewTextHandler(os.Stderr, o)), nil
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, o)), nil
}
