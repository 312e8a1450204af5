// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/timeline"
	"github.com/spf13/cobra"
)

func newTrace() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "trace <file>",
		Short:   "Draw the spans of an agent as an SVG timeline",
		GroupID: "call",
		Long: `Draw the spans of an agent as an SVG timeline. The file has what the agent has sent to Kata's trace
forwarder, or OTLP JSON as the file exporter of the OpenTelemetry Collector writes it; - is standard
input. A file that is cut off is drawn as far as it goes.`,
		Example: `  socat -u VSOCK-LISTEN:10240,fork OPEN:pod.trace,creat,append &    # on the host, before the pod
  kata-agent-ctl trace pod.trace -o pod.svg`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			spans, err := timeline.Read(in)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return writeOutput(output, cmd.OutOrStdout(), func(w io.Writer) error { return timeline.Draw(w, spans) })
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`file` to write; standard output unless given")
	return cmd
}

// writeOutput has write fill a file, or stdout if there is no path.
func writeOutput(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "" {
		return write(stdout)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
