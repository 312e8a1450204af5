// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"fmt"
	"os"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/container/sharedmount"
)

// sharedSource is a mount on its way from one container to another.
type sharedSource struct {
	view   *sharedmount.View
	found  *sharedmount.Found
	target *os.File
}

// open waits for the mount.
func (s *sharedSource) open(ctx context.Context, proc string, m SharedMount) (err error) {
	if m.From == (core.Ref{}) {
		return fmt.Errorf("container named %q: %w", m.Source, sharedmount.ErrSource)
	}
	init, err := core.Ask(ctx, m.From, &Init{})
	if err != nil {
		return fmt.Errorf("container named %q: %w", m.Source, err)
	}
	if s.view, err = sharedmount.OpenView(proc, init.Pid, init.PidFD); err == nil {
		s.found, err = s.view.Wait(ctx, m.SourcePath)
	}
	if err != nil {
		return fmt.Errorf("container named %q: %w", m.Source, err)
	}
	return nil
}

func (s *sharedSource) close() {
	if s.view != nil {
		s.view.Close()
	}
	if s.found != nil {
		s.found.Close()
	}
	if s.target != nil {
		s.target.Close()
	}
}
