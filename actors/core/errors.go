// SPDX-License-Identifier: Apache-2.0

package core

import (
	"errors"
	"fmt"
)

var (
	// ErrStopped is the reply to a request whose actor has died or never was.
	// The cause of the death, when there was one, is wrapped beside it and
	// gives the text.
	ErrStopped = errors.New("actor has stopped")

	// ErrPanicked is in the chain of what a request gets when a turn or a work
	// panicked. The text names the actor; the panic itself is in the log only.
	ErrPanicked = errors.New("internal error")

	// ErrNameTaken is returned by Spawn while an actor of that name is alive.
	ErrNameTaken = errors.New("actor name is in use")

	errAskedTwice = errors.New("request has been asked before")
	errNoName     = errors.New("actor name is empty")
)

// panicError says where something panicked: "internal error in sandbox/container/c1".
func panicError(path string) error { return fmt.Errorf("%w in %s", ErrPanicked, path) }

// stoppedError is what the requests of a dead actor get.
type stoppedError struct {
	path  string
	cause error
}

func (e *stoppedError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	if e.path == "" {
		return ErrStopped.Error()
	}
	return e.path + ": " + ErrStopped.Error()
}

func (e *stoppedError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrStopped}
	}
	return []error{ErrStopped, e.cause}
}
