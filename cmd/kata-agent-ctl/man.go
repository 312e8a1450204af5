// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan writes the manual pages. Packages have them; nobody needs the command otherwise.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:     "man <directory>",
		Short:   "Write the manual pages into a directory",
		Example: "  kata-agent-ctl man /usr/share/man/man1",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // two builds of one commit are the same
			date := time.Unix(0, 0)
			header := &doc.GenManHeader{Title: "KATA-AGENT-CTL", Section: "1", Source: "kata-agent " + version, Manual: "Kata Containers", Date: &date}
			return doc.GenManTree(root, header, args[0])
		},
	}
}
