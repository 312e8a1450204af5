// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"errors"
	"fmt"
)

// undoList is what must be done, last first, for nothing of a container to be left.
type undoList struct {
	steps []undoStep
	// stands is true once the create has been answered: what volumes hold for the time after
	// their containers is kept then, and goes with a create that has failed.
	stands bool
	// storages are the mount points that are released, in the order of the attaches.
	storages []string
}

type undoStep struct {
	name string
	undo func(ctx context.Context, stands bool) error
}

func (u *undoList) add(name string, undo func(context.Context) error) {
	u.addStep(name, func(ctx context.Context, _ bool) error { return undo(ctx) })
}

func (u *undoList) addStep(name string, undo func(ctx context.Context, stands bool) error) {
	u.steps = append(u.steps, undoStep{name, undo})
}

// run undoes everything. A step that fails or panics does not stop the others and is kept,
// so that a later run tries it again. ctx says for whom it is done, and does not end.
func (u *undoList) run(ctx context.Context) error {
	var kept []undoStep
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		s := u.steps[i]
		if err := s.run(ctx, u.stands); err != nil {
			kept = append([]undoStep{s}, kept...)
			errs = append(errs, err)
		}
	}
	u.steps = kept
	return errors.Join(errs...)
}

func (s undoStep) run(ctx context.Context, stands bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("undo of %s: panic: %v", s.name, p)
		}
	}()
	return s.undo(ctx, stands)
}
