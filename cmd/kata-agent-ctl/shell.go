// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"
)

func newShell(g *global) *cobra.Command {
	o := &execOptions{global: g, tty: true, stdin: true}
	cmd := &cobra.Command{
		Use:     "shell [flags] <container> [program [argument...]]",
		Short:   "Open a shell with a terminal in a container",
		GroupID: "use", Annotations: map[string]string{runsProgram: "yes"},
		Long: `Open a shell in a container: exec --tty with /bin/sh, unless another program is named. It ends
with the shell, whose exit status becomes this program's.`,
		Example: `  kata-agent-ctl shell c1
  kata-agent-ctl shell --user 1000 c1 /bin/sh -l`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeContainer,
		RunE: func(cmd *cobra.Command, args []string) error {
			program := args[1:]
			if len(program) == 0 {
				program = []string{"/bin/sh"}
			}
			process, err := o.process(program)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), args[0], process)
		},
	}
	cmd.Flags().SetInterspersed(false)
	o.flags(cmd)
	return cmd
}
