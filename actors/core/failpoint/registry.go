// SPDX-License-Identifier: Apache-2.0

//go:build failpoints

package failpoint

import (
	"context"
	"sync"
)

// Hit says which point was reached, and by what.
type Hit struct {
	Point     string `json:"point"`
	Object    string `json:"object,omitempty"`
	Container string `json:"container,omitempty"`
	Exec      string `json:"exec,omitempty"`
	Method    string `json:"method,omitempty"`
	// Drop breaks off the connection that has asked; nil if none has.
	Drop func() `json:"-"`
}

// Fault is what happens at a point. ctx is that of the step; an error is the step's.
type Fault func(ctx context.Context, at Hit) error

var (
	mu     sync.Mutex
	faults = map[string]Fault{}
	seen   func(Hit)
)

// Set puts a fault at a point, in place of the one that was there, until clear is called.
func Set(point string, f Fault) (clear func()) {
	mu.Lock()
	defer mu.Unlock()
	faults[point] = f
	return func() {
		mu.Lock()
		defer mu.Unlock()
		delete(faults, point)
	}
}

// Watch has every point that is reached told to f, in place of an earlier f; nil for nobody.
func Watch(f func(Hit)) {
	mu.Lock()
	defer mu.Unlock()
	seen = f
}

// Reach is called where a point is. It does what is set there.
func Reach(ctx context.Context, at Hit) error {
	mu.Lock()
	fault, watch := faults[at.Point], seen
	mu.Unlock()
	if watch != nil {
		watch(at)
	}
	if fault != nil {
		return fault(ctx, at)
	}
	return reachFile(ctx, at)
}
