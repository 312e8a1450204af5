// SPDX-License-Identifier: Apache-2.0

package group

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Group is made by WithContext.
type Group struct {
	group *errgroup.Group

	mu       sync.Mutex
	panicked any // nil: nobody has
}

// WithContext returns a group, and a context that ends with the first error or panic, or with Wait.
func WithContext(ctx context.Context) (*Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	return &Group{group: g}, ctx
}

// SetLimit bounds how many functions run at a time.
func (g *Group) SetLimit(n int) { g.group.SetLimit(n) }

var errPanicked = errors.New("panic")

// Go runs f on a goroutine of its own.
func (g *Group) Go(f func() error) {
	g.group.Go(func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = errPanicked
				g.mu.Lock()
				defer g.mu.Unlock()
				g.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
		}()
		return f()
	})
}

// Wait waits for all functions and returns the first error. It panics if one of them has, with its value and
// its stack in words.
func (g *Group) Wait() error {
	err := g.group.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.panicked != nil {
		panic(g.panicked)
	}
	return err
}
