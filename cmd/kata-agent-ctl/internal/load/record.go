// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
)

// observe is told of every call.
func (e *env) observe(method string, took time.Duration, err error) {
	e.mu.Lock()
	r := e.calls[method]
	if r == nil {
		r = newRecorder()
		e.calls[method] = r
		e.methods = append(e.methods, method)
	}
	e.mu.Unlock()
	r.observe(time.Now(), took, 0, err)
}

// sample looks at the agent, if it is watched.
func (e *env) sample() {
	if e.sampler == nil {
		return
	}
	e.sampling.Lock()
	defer e.sampling.Unlock()
	s, err := e.sampler.Sample()
	if err != nil {
		e.fail("agent", err)
		e.giveUp(err)
		return
	}
	if e.scenario.Goroutines {
		s.Goroutines = e.goroutines()
	}
	s.T = time.Since(e.start).Seconds()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.samples = append(e.samples, s)
}

// mark notes a moment.
func (e *env) mark(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.marks = append(e.marks, Mark{time.Since(e.start).Seconds(), name})
}

// holding notes that n more things are open, and that no more come.
func (e *env) holding(name string, n int) {
	e.mark(fmt.Sprintf("%s: %d held", name, n))
	e.mu.Lock()
	e.heldN += n
	e.mu.Unlock()
}

// plateau begins the time in which what is held is quiet; the samples from here on to its end say what it costs.
// The caller has let some time pass.
func (e *env) plateau() (end func()) {
	e.sample()
	e.mu.Lock()
	first := max(len(e.samples)-1, 0)
	e.mu.Unlock()
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.held = append(e.held, e.samples[first:]...)
	}
}

// fail notes a failure. Too many end the run.
func (e *env) fail(load string, err error) {
	if e.failed.Add(1) == maxFailures {
		e.giveUp(fmt.Errorf("%d failures; the last: %s: %w", maxFailures, load, err))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.failures) < keptFailures {
		e.failures = append(e.failures, load+": "+err.Error())
	}
}

// client is the connection of the i-th operation.
func (e *env) client(i int) *client.Client { return e.clients[i%len(e.clients)] }

// operation is a context with the limit of one operation.
func (e *env) operation(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(e.scenario.Timeout))
}
