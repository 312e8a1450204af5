// SPDX-License-Identifier: Apache-2.0

package coretest

import "github.com/kata-containers/kata-agent/actors/core"

// Reply is what has become of a request.
type Reply[R any] struct {
	v      R
	err    error
	done   bool
	cancel func() bool
	of     *Actor
}

// Ask tells req to the actor and runs all turns that follow.
func Ask[R any](a *Actor, req core.Request[R]) *Reply[R] {
	a.t.Helper()
	r := &Reply[R]{of: a}
	r.cancel = core.AskFunc(a.Ref(), req, func(v R, err error) { r.v, r.err, r.done = v, err, true })
	a.Run()
	return r
}

// Done is true when the request has been answered.
func (r *Reply[R]) Done() bool { return r.done }

// Get is the answer. The test fails when there is none.
func (r *Reply[R]) Get() (R, error) {
	r.of.t.Helper()
	if !r.done {
		r.of.t.Fatalf("actor %s has not replied", r.of.Ref().Path())
	}
	return r.v, r.err
}

// Cancel lets the asker go away; it is true when there was no answer yet.
// The request's Context ends.
func (r *Reply[R]) Cancel() bool { return r.cancel() }
