// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/protocols/protojson"
	"github.com/spf13/cobra"
)

type callOptions struct {
	*global
	file string
	raw  bool
}

func newCall(g *global) *cobra.Command {
	o := &callOptions{global: g}
	cmd := &cobra.Command{
		Use:     "call <method> [json | key=value...]",
		Short:   "Make one call",
		GroupID: "call",
		Long: `Make one call. The request is a JSON object on the command line, in a file or on standard input
(--file -), or fields as key=value, in which bytes are text or hex:...; what is not given stays
empty. The answer is printed as JSON; with --raw its text or bytes are written as they are.

"kata-agent-ctl list <method>" shows what a request can have in it.`,
		Example: `  kata-agent-ctl call Check
  kata-agent-ctl call GetGuestDetails '{"mem_block_size": true}'
  kata-agent-ctl call SignalProcess container_id=c1 signal=TERM
  kata-agent-ctl call UpdateContainer container_id=c1 'resources={"Memory": {"Limit": 67108864}}'
  kata-agent-ctl call CopyFile src=/etc/hosts dest=/run/kata-containers/shared/containers/hosts
  kata-agent-ctl call GetMetrics --raw
  kata-agent-ctl call CreateContainer --file request.json`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeMethod,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	cmd.Flags().StringVar(&o.file, "file", "", "`file` with the request as JSON; - is standard input")
	cmd.Flags().BoolVar(&o.raw, "raw", false, "write the answer's text or bytes, not JSON")
	return cmd
}

func (o *callOptions) run(cmd *cobra.Command, args []string) error {
	log, err := o.log()
	if err != nil {
		return err
	}
	if _, err := client.LookUp(args[0]); err != nil {
		return err
	}
	line, err := script.Arguments(args[0], args[1:])
	if err != nil {
		return err
	}
	if o.file != "" {
		if line.JSON, err = readAll(o.file, cmd.InOrStdin()); err != nil {
			return err
		}
	}
	c, err := o.dial(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	show := script.Print
	if o.raw {
		show = printRaw
	}
	r := &script.Runner{Caller: c, Out: cmd.OutOrStdout(), Log: log, Show: show}
	return r.Call(cmd.Context(), line)
}

func readAll(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}

// printRaw writes the one field of an answer that is a text or bytes; other answers as JSON.
func printRaw(w io.Writer, m protocols.Message) error {
	var err error
	switch r := m.(type) {
	case interface{ GetData() []byte }:
		_, err = w.Write(r.GetData())
	case interface{ GetData() string }:
		_, err = io.WriteString(w, r.GetData())
	case *protocols.Metrics:
		_, err = io.WriteString(w, r.Metrics)
	default:
		var text []byte
		if text, err = protojson.Marshal(m, "  ", true); err == nil {
			_, err = fmt.Fprintf(w, "%s\n", text)
		}
	}
	return err
}

// completeMethod offers the names of calls to the shell.
func completeMethod(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, m := range client.Methods() {
		names = append(names, m.Method)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
