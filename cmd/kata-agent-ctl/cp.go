// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/attach"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/script"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/spf13/cobra"
)

func newCopy(g *global) *cobra.Command {
	return &cobra.Command{
		Use:     "cp <file or directory> <container>:<directory> | cp <container>:<path> <directory>",
		Short:   "Copy files into a container or out of it",
		GroupID: "use",
		Long: `Copy a file or a directory into a directory of a container, or out of it into one here. It goes
through tar, which has to be in the container and on this machine; owners and modes are kept.`,
		Example: `  kata-agent-ctl cp ./config c1:/etc
  kata-agent-ctl cp c1:/var/log ./logs`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, source, out := cutContainer(args[0])
			to, target, in := cutContainer(args[1])
			switch {
			case out == in:
				return usageError{errors.New("cp: one of both has to be <container>:<path>")}
			case in:
				return g.copyIn(cmd.Context(), source, to, target)
			default:
				return g.copyOut(cmd.Context(), from, source, target)
			}
		},
	}
}

// cutContainer takes the container off a path in one. A path here that has a colon begins with / or ./.
func cutContainer(arg string) (container, file string, ok bool) {
	container, file, ok = strings.Cut(arg, ":")
	if !ok || container == "" || strings.HasPrefix(arg, ".") || strings.Contains(container, "/") {
		return "", arg, false
	}
	return container, file, true
}

// copyIn sends an archive that the local tar makes to a tar in the container.
func (g *global) copyIn(ctx context.Context, source, container, dir string) error {
	source = filepath.Clean(source)
	local := exec.CommandContext(ctx, "tar", "-c", "-f", "-", "-C", filepath.Dir(source), "--", filepath.Base(source))
	local.Stderr = os.Stderr
	archive, err := local.StdoutPipe()
	if err != nil {
		return err
	}
	if err := local.Start(); err != nil {
		return fmt.Errorf("cp: %w", err)
	}
	err = g.tar(ctx, container, archive, io.Discard, "-x", "-f", "-", "-C", dir)
	_, _ = io.Copy(io.Discard, archive) // what a tar in the container that failed has not read
	return errors.Join(err, local.Wait())
}

// copyOut unpacks here what a tar in the container packs.
func (g *global) copyOut(ctx context.Context, container, source, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	local := exec.CommandContext(ctx, "tar", "-x", "-f", "-", "-C", dir)
	local.Stderr = os.Stderr
	archive, err := local.StdinPipe()
	if err != nil {
		return err
	}
	if err := local.Start(); err != nil {
		return fmt.Errorf("cp: %w", err)
	}
	source = path.Clean(source)
	err = g.tar(ctx, container, nil, archive, "-c", "-f", "-", "-C", path.Dir(source), "--", path.Base(source))
	return errors.Join(err, archive.Close(), local.Wait())
}

// tar runs tar in a container.
func (g *global) tar(ctx context.Context, container string, in io.Reader, out io.Writer, args ...string) error {
	c, err := g.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	p := client.Process{Client: c, Container: container, Exec: script.RandomID()}
	err = c.Do(ctx, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: container, ExecId: p.Exec, Process: &protocols.Process{
		Args: append([]string{"tar"}, args...), Cwd: "/", Env: []string{defaultPath}, User: new(protocols.User),
	}})
	if err != nil {
		return err
	}
	status, err := attach.Run(ctx, p, attach.Streams{In: in, Out: out, Err: os.Stderr})
	if err == nil && status != 0 {
		err = fmt.Errorf("cp: tar in container %q ended with status %d", container, status)
	}
	return err
}
