// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/bundle"
	"github.com/spf13/cobra"
)

func newBundle() *cobra.Command {
	var image string
	cmd := &cobra.Command{
		Use:     "bundle [flags] <directory>",
		Short:   "Make an OCI bundle, of busybox or of an image on this machine",
		GroupID: "use",
		Long: `Make an OCI bundle for run and connect: a root file system and a config.json, which may be changed
before it is used. Without --image the root file system has the distribution's busybox and its program
is a shell. An image is a directory in the OCI layout, with :tag if there are several in it, or a file
that "docker save" has written. As root, since files have owners.`,
		Example: `  kata-agent-ctl bundle ./bundle
  kata-agent-ctl bundle --image ./layout:latest ./bundle`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return bundle.Make(args[0], image) },
	}
	cmd.Flags().StringVar(&image, "image", "", "directory or `file` of an image")
	return cmd
}
