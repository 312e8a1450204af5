// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/components"
)

// Launch starts all components, each when the one before it is ready. The error names the one that
// does not become ready. It is sent once.
type Launch struct{ core.Call[struct{}] }

// Running is a component that was started; see [components.Running].
type Running interface {
	Wait(context.Context) (components.Exit, error)
	PID() int
}

// Options are what the actors work with.
type Options struct {
	// Processes are the components in the order of their start.
	Processes []components.Process
	// Start starts one, and calls line with each line that it prints. It may block.
	Start func(p components.Process, line func(string)) (Running, error)
	// Await returns when the path is a socket. It blocks.
	Await func(ctx context.Context, path string) error
	// Print takes a line of a component. It is called by many goroutines, and must not block.
	Print func(component, line string)
}

// ready is told to the launcher when a component's socket is there, or when one that has none was started.
type ready struct{ id string }

// failed is told to the launcher when a component does not become ready.
type failed struct{ err error }
