// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/load"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/report"
	"github.com/spf13/cobra"
)

func newCompare() *cobra.Command {
	var html string
	cmd := &cobra.Command{
		Use:     "compare <a.json> <b.json>",
		Short:   "Put two load runs side by side",
		GroupID: "load",
		Long: `Put the results of two load runs side by side, as load --json has written them. A factor is the
second by the first. A difference is called better or worse if it is at least a tenth and more than the
figures go up and down within the runs. Other scenarios or a busy machine make runs that cannot be
compared, and then nothing is.`,
		Example: `  kata-agent-ctl compare old.json new.json
  kata-agent-ctl compare --html both.html old.json new.json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := load.ReadResult(args[0])
			if err != nil {
				return err
			}
			b, err := load.ReadResult(args[1])
			if err != nil {
				return err
			}
			nameA, nameB := names(args[0], args[1])
			if err := report.Compare(cmd.OutOrStdout(), a, b, nameA, nameB); err != nil {
				return err
			}
			return writePage(html, func(w io.Writer) error { return report.CompareHTML(w, a, b, nameA, nameB) })
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "`file` for a report with plots of both")
	return cmd
}

// names are the files' own names, or their paths if those are the same.
func names(a, b string) (string, string) {
	short := func(p string) string { return strings.TrimSuffix(filepath.Base(p), ".json") }
	if short(a) == short(b) {
		return a, b
	}
	return short(a), short(b)
}
