// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
)

// ErrState is wrapped by the error for an operation that the container's state forbids.
var ErrState = errors.New("wrong state")

// state of a container.
//
//	creating -> created -> running <-> paused
//	                \         \          \
//	                 `---------`----------`--> stopped -> (removed)
//
// A container is stopped when its init has exited. Removing is possible in every state.
type state int

const (
	creating state = iota
	created
	running
	paused
	stopped
)

func (s state) String() string {
	return [...]string{"creating", "created", "running", "paused", "stopped"}[s]
}

// allow returns nil if the state is one of ok, else a sentence that says what is wrong.
func (c *container) allow(operation string, ok ...state) error {
	for _, s := range ok {
		if c.state == s {
			return nil
		}
	}
	return fmt.Errorf("cannot %s container %q: it is %s: %w", operation, c.id, c.state, ErrState)
}
