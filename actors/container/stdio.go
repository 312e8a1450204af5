// SPDX-License-Identifier: Apache-2.0

package container

import (
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// openStdio makes what a process needs for its streams: its own ends and the agent's. A
// terminal is made by the start, inside the container.
func (c *container) openStdio(p *specs.Process) (runtime.Stdio, process.Streams, error) {
	if p.Terminal {
		s := runtime.Stdio{Terminal: true}
		if p.ConsoleSize != nil {
			s.Width, s.Height = uint16(p.ConsoleSize.Width), uint16(p.ConsoleSize.Height)
		}
		return s, process.Streams{}, nil
	}
	pipes, warning, err := stdio.OpenPipes(stdio.PipeOptions{Proc: c.deps.Runtime.Proc, Size: c.deps.PipeSize})
	if err != nil {
		return runtime.Stdio{}, process.Streams{}, err
	}
	if warning != nil {
		c.deps.Warn(warning)
	}
	return runtime.Stdio{Stdin: pipes.Child[0], Stdout: pipes.Child[1], Stderr: pipes.Child[2]},
		process.Streams{Stdin: pipes.Stdin, Stdout: pipes.Stdout, Stderr: pipes.Stderr}, nil
}

// closeChildEnds closes the process's ends once it has them.
func closeChildEnds(s runtime.Stdio) {
	if !s.Terminal {
		for _, f := range s.Files() {
			f.Close()
		}
	}
}
