// SPDX-License-Identifier: Apache-2.0

package undo

import "errors"

// List is the steps that take back what was done so far. The zero value is empty. It is not safe
// for use by several goroutines.
type List struct {
	steps []func() error
}

// Add is called after something was done, with what takes it back.
func (l *List) Add(step func() error) { l.steps = append(l.steps, step) }

// Run takes back everything, the last first. A step that fails does not stop the others, which are
// worth taking back all the same; it is kept, so that a later Run tries it again.
func (l *List) Run() error {
	var kept []func() error
	var errs []error
	for i := len(l.steps) - 1; i >= 0; i-- {
		if err := l.steps[i](); err != nil {
			kept = append([]func() error{l.steps[i]}, kept...)
			errs = append(errs, err)
		}
	}
	l.steps = kept
	return errors.Join(errs...)
}
