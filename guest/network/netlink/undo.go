// SPDX-License-Identifier: Apache-2.0

package netlink

import "errors"

// undo takes back the steps done so far, the last one first.
type undo struct {
	steps []func() error
}

func (u *undo) add(step func() error) { u.steps = append(u.steps, step) }

// run goes on after a step that fails: the others are worth taking back all the same.
func (u *undo) run() error {
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		errs = append(errs, u.steps[i]())
	}
	u.steps = nil
	return errors.Join(errs...)
}
