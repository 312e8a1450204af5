// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// openStdio makes what a process needs for its streams: its own ends and the agent's. A
// terminal is made by the start, inside the container.
func (c *container) openStdio(p *specs.Process) (own runtime.Stdio, agent stdio.Files, err error) {
	if p.Terminal {
		own.Terminal = true
		if p.ConsoleSize != nil {
			own.Rows, own.Columns = uint16(p.ConsoleSize.Height), uint16(p.ConsoleSize.Width)
		}
		return own, agent, nil
	}
	pipes, warning, err := stdio.OpenPipes(stdio.PipeOptions{
		Proc: c.options.Runtime.Proc, Size: c.options.PipeSize, Outlive: c.options.Journal != nil,
	})
	if err != nil {
		return own, agent, err
	}
	if warning != nil {
		c.options.Warn(warning)
	}
	own.Files = pipes.Child
	return own, pipes.Agent, nil
}

// claim takes the host's connections for the streams of a process. One that has not come is a
// warning: requests read and write that stream then, as they do with the agents before.
func (c *container) claim(ctx context.Context, ports passfd.Ports) passfd.Claimed {
	if !ports.Any() {
		return passfd.Claimed{}
	}
	if c.options.Passfd == nil {
		c.options.Warn(fmt.Errorf("container %q: the ports of passed streams are not heeded: %w", c.id, errNoPassfd))
		return passfd.Claimed{}
	}
	var claimed passfd.Claimed
	missing := core.Step(ctx, core.StepPassedStreams, "", func(ctx context.Context) (missing error) {
		claimed, missing = c.options.Passfd.Claim(ctx, ports)
		return missing
	})
	if missing != nil {
		c.options.Warn(fmt.Errorf("container %q: %w", c.id, missing))
	}
	return claimed
}
