// SPDX-License-Identifier: Apache-2.0

package container

import (
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
	pipes, warning, err := stdio.OpenPipes(stdio.PipeOptions{Proc: c.options.Runtime.Proc, Size: c.options.PipeSize})
	if err != nil {
		return own, agent, err
	}
	if warning != nil {
		c.options.Warn(warning)
	}
	own.Files = pipes.Child
	return own, pipes.Agent, nil
}
