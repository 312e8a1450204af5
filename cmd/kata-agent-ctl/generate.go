// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/spf13/cobra"
)

func newGenerate(name, what string) *cobra.Command {
	return &cobra.Command{
		Use:     name,
		Short:   "Print a new random " + what + " id",
		Example: "  id=$(kata-agent-ctl " + name + ")",
		Args:    cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), script.RandomID())
		},
	}
}
