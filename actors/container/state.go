// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
	"strings"
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
	return stateError(fmt.Sprintf("cannot %s container %q: it is %s", operation, c.id, c.state))
}

// stateError is an ErrState in a sentence that needs no more words.
type stateError string

func (e stateError) Error() string   { return string(e) }
func (stateError) Is(err error) bool { return err == ErrState }

// naming says which container an error is about, unless it says so already.
func (c *container) naming(operation string, err error) error {
	if err == nil || strings.Contains(err.Error(), fmt.Sprintf("container %q", c.id)) {
		return err
	}
	return fmt.Errorf("%s container %q: %w", operation, c.id, err)
}
