// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
)

const (
	// interval between two points and samples, where a scenario has none of its own.
	interval = 500 * time.Millisecond
	// settle is how long the agent is left in peace before its memory is looked at the last time.
	settle = 5 * time.Second
	// maxFailures ends a run in which nothing goes right.
	maxFailures = 1000
	// keptFailures are those whose text is kept.
	keptFailures = 20
)

// Options of a run.
type Options struct {
	// Dial connects to the agent; observe is to be told of each call.
	Dial func(ctx context.Context, observe func(string, time.Duration, error)) (*client.Client, error)
	// Address is for the report.
	Address string
	// Rootfs is a root file system with busybox where the agent is; "" makes one here.
	Rootfs string
	// PID of the agent, if it is to be watched; 0 is not.
	PID int
	// Progress is told how far the run is, some times in a second. It may be nil.
	Progress func(Status)
}

// Run runs a scenario. An error says that it could not be run; failures of operations are in the
// result.
func Run(ctx context.Context, s *Scenario, o Options) (*Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e := &env{Options: o, scenario: s, calls: map[string]*recorder{}, giveUp: cancel}
	r := &Result{Scenario: s, Address: o.Address, PID: o.PID, Start: time.Now(), Machine: machine()}
	defer e.close()
	err := e.prepare(ctx, r)
	if err == nil {
		err = e.measure(ctx, r)
	}
	return r, errors.Join(err, e.removeContainers())
}

// prepare connects and makes what sessions need.
func (e *env) prepare(ctx context.Context, r *Result) error {
	for range e.scenario.Connections {
		c, err := e.Dial(ctx, e.observe)
		if err != nil {
			return err
		}
		e.clients = append(e.clients, c)
	}
	reply, err := e.clients[0].Ask(ctx, "Version", new(protocols.CheckRequest))
	if err != nil {
		return err
	}
	r.Agent = reply.(*protocols.VersionCheckResponse).AgentVersion
	if e.files, err = newRootfs(e.Rootfs); err != nil {
		return err
	}
	if e.PID != 0 {
		if e.sampler, err = NewSampler("/proc", e.PID); err != nil {
			return err
		}
	}
	e.start = time.Now()
	e.sample()
	for i := range e.scenario.Containers {
		id := fmt.Sprintf("load-%d", i)
		if err := e.createContainer(ctx, id); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		e.containers = append(e.containers, id)
	}
	return nil
}

// measure runs the loads.
func (e *env) measure(ctx context.Context, r *Result) error {
	// What preparation has taken is none of the loads' business.
	e.mu.Lock()
	e.calls, e.methods = map[string]*recorder{}, nil
	e.mu.Unlock()
	e.start = time.Now()
	e.sample()
	for i := range e.scenario.Loads {
		e.loads = append(e.loads, newRun(e, &e.scenario.Loads[i]))
	}
	watched := make(chan struct{})
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() { defer close(watched); e.watch(watch) }()
	e.runLoads(ctx)
	r.Seconds = time.Since(e.start).Seconds()
	e.mark("end")
	r.Calls = e.callOutcomes()
	removed := e.removeContainers()
	if e.sampler != nil && ctx.Err() == nil {
		time.Sleep(settle)
	}
	stop()
	<-watched
	e.fill(r)
	r.judge()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return removed
}

// runLoads returns when all loads are over: those in the background end with the last of the others.
func (e *env) runLoads(ctx context.Context) {
	until, stop := context.WithCancel(ctx)
	defer stop()
	timed := until
	if d := time.Duration(e.scenario.Duration); d > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(until, d)
		defer cancel()
	}
	var front, all sync.WaitGroup
	for _, l := range e.loads {
		if l.Background {
			all.Go(func() { l.run(ctx, until) })
		} else {
			front.Go(func() { l.run(ctx, timed) })
		}
	}
	front.Wait()
	stop()
	all.Wait()
}

func (e *env) close() {
	for _, c := range e.clients {
		c.Close()
	}
	if e.files != nil {
		e.files.remove()
	}
}
