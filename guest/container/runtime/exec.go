// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/sys/oom"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// ErrDeclined is returned by a Spawner for a process it cannot start exactly as
// libcontainer would; the process then goes by libcontainer.
var ErrDeclined = errors.New("spawner declines the process")

// Spawner starts a process in a running container by another way than libcontainer.
type Spawner interface {
	// Open prepares for sessions in a created container. It may do nothing.
	Open(c *Container) error
	Spawn(ctx context.Context, c *Container, p *specs.Process, stdio Stdio) (*Process, error)
}

// target is what is kept open of a container between its sessions.
type target struct{ *nsexec.Target }

func (t *target) close() {
	if t.Target != nil {
		t.Target.Close()
	}
}

// Exec starts a further process in the container. Its first error is about the program:
// one that cannot be found or run is an error here, not an exit status. What the request
// leaves out is as init has it: capabilities (nil), rlimits (none), OOM score.
func (c *Container) Exec(ctx context.Context, spec *specs.Process, stdio Stdio) (*Process, error) {
	c.told.once(c.id, noCapability, dropCapabilities(spec))
	if s := c.options.Spawn; s != nil {
		p, err := s.Spawn(ctx, c, spec, stdio)
		if !errors.Is(err, ErrDeclined) {
			return p, err
		}
	}
	if c.helperOnly {
		return nil, fmt.Errorf("exec in container %q: %w", c.id, errNoSession)
	}
	p, err := c.startProcess(spec, stdio, false)
	if err != nil {
		return nil, fmt.Errorf("exec in container %q: %w", c.id, err)
	}
	if spec.OOMScoreAdj != nil {
		// libcontainer gives it the container's. A process that has ended needs none.
		_ = oom.Set(c.options.Proc, strconv.Itoa(p.Pid), *spec.OOMScoreAdj)
	}
	return p, nil
}

// InheritFrom fills what an exec request leaves out from the container's own process:
// capabilities when none were sent (an empty set means none), rlimits, the OOM score, and the
// prohibition of new privileges, which a session must not undo.
func InheritFrom(init, exec *specs.Process) {
	if exec.Capabilities == nil && init.Capabilities != nil {
		c := *init.Capabilities
		exec.Capabilities = &c
	}
	if len(exec.Rlimits) == 0 {
		exec.Rlimits = slices.Clone(init.Rlimits)
	}
	if exec.SelinuxLabel == "" {
		exec.SelinuxLabel = init.SelinuxLabel
	}
	if exec.OOMScoreAdj == nil {
		exec.OOMScoreAdj = init.OOMScoreAdj
	}
	exec.NoNewPrivileges = exec.NoNewPrivileges || init.NoNewPrivileges
	exec.ApparmorProfile = init.ApparmorProfile
}
