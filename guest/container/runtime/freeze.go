// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/opencontainers/cgroups"
)

// Pause freezes every process of the container and returns when they are frozen. When ctx
// ends before, they are thawed again.
func (c *Container) Pause(ctx context.Context) error {
	if err := c.freezer().Freeze(ctx); err != nil {
		return fmt.Errorf("pause container %q: %w", c.id, err)
	}
	return nil
}

// Resume thaws what Pause has frozen.
func (c *Container) Resume() error {
	if err := c.freezer().Thaw(); err != nil {
		return fmt.Errorf("resume container %q: %w", c.id, err)
	}
	return nil
}

// thaw thaws the container whatever has frozen it, Pause or a process, so that signals reach its processes.
func (c *Container) thaw() error { return c.freezer().ThawAll() }

func (c *Container) freezer() cgroup.Freezer {
	if cgroups.IsCgroup2UnifiedMode() {
		return cgroup.Freezer{Dir: c.cgroup.Path(""), Unified: true}
	}
	return cgroup.Freezer{Dir: c.cgroup.Path("freezer")}
}
