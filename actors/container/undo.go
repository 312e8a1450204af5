// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
)

// undoList is what must be done, last first, for nothing of a container to be left.
type undoList struct{ steps []undoStep }

type undoStep struct {
	name string
	undo func() error
}

func (u *undoList) add(name string, undo func() error) {
	u.steps = append(u.steps, undoStep{name, undo})
}

// run undoes everything. A step that fails does not stop the others and is kept, so that
// a later run tries it again.
func (u *undoList) run() error {
	var kept []undoStep
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		s := u.steps[i]
		if err := s.undo(); err != nil {
			kept = append([]undoStep{s}, kept...)
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	u.steps = kept
	return errors.Join(errs...)
}
