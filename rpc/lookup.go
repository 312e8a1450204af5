// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/process"
)

// container finds a container's actor.
func (s *Service) container(cid string) (core.Ref, error) {
	ref, ok := s.agent.Containers.Get(id.Container(cid))
	if !ok {
		return ref, fmt.Errorf("%w: %q", errNoContainer, cid)
	}
	return ref, nil
}

// process finds a process. Init is addressed by "" or by the container's id.
func (s *Service) process(cid, exec string) (*process.Handle, error) {
	if _, err := s.container(cid); err != nil {
		return nil, err
	}
	key := process.Key{Container: id.Container(cid), Exec: id.Exec(exec)}
	if exec == "" {
		key.Exec = id.Exec(cid)
	}
	h, ok := s.agent.Processes.Get(key)
	if !ok {
		return nil, noProcess(cid, exec)
	}
	return h, nil
}

// noProcess names what is not there in words that hosts take for "already terminated".
func noProcess(cid, exec string) error {
	if exec == "" || exec == cid {
		return fmt.Errorf("init %w in container %q", process.ErrUnknown, cid)
	}
	return fmt.Errorf("%w: container %q has no exec id %q", process.ErrUnknown, cid, exec)
}

// ask asks a container. Its end meanwhile is the same as if it had never been.
func ask[R any](ctx context.Context, s *Service, cid string, r core.Request[R]) (R, error) {
	ref, err := s.container(cid)
	if err != nil {
		var zero R
		return zero, err
	}
	v, err := core.Ask(ctx, ref, r)
	if errors.Is(err, core.ErrStopped) && !errors.Is(err, core.ErrPanicked) {
		err = ended(cid, err)
	}
	return v, err
}

// ended says of a container whose actor has ended what is said of one that never was, and why it has ended if there was a reason.
// The name of an actor is none.
func ended(cid string, err error) error {
	if strings.HasSuffix(err.Error(), core.ErrStopped.Error()) {
		return fmt.Errorf("%w: %q", errNoContainer, cid)
	}
	return fmt.Errorf("%w: %q (%v)", errNoContainer, cid, err) //nolint:errorlint // the code is that of errNoContainer, whatever ended it
}
