// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/test/harness"
)

// held is how many sessions are open at once.
const held = 50

// holdSessions opens all sessions, then talks to each, then ends them: none may get another's
// bytes or status.
func (d *demo) holdSessions(ctx context.Context) error {
	before, err := memoryOf(d.agent.pid)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := all(func(i int) error { return d.open(ctx, i) }); err != nil {
		return err
	}
	opened := time.Since(begin)
	if err := all(func(i int) error { return d.talk(ctx, i) }); err != nil {
		return err
	}
	during, err := memoryOf(d.agent.pid)
	if err != nil {
		return err
	}
	if err := all(func(i int) error { return d.end(ctx, i) }); err != nil {
		return err
	}
	say(opened, "to open %d sessions at once; all held, each gave back its own words and its own status", held)
	say(time.Since(begin), "until the last was over; the agent held %s before and %s meanwhile", before, during)
	return nil
}

// all does one thing for each session, at the same time.
func all(do func(i int) error) error {
	errs := make([]error, held)
	var wg sync.WaitGroup
	for i := range held {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func session(i int) (container, exec string) {
	return containers[i%len(containers)], fmt.Sprintf("session-%d", i)
}

func (d *demo) open(ctx context.Context, i int) error {
	container, exec := session(i)
	program := fmt.Sprintf("read line; echo got $line; cat; exit %d", i)
	return d.agent.Exec(ctx, container, exec, harness.Process("sh", "-c", program))
}

func (d *demo) talk(ctx context.Context, i int) error {
	container, exec := session(i)
	if _, err := d.agent.WriteStdin(ctx, container, exec, fmt.Appendf(nil, "word %d\n", i)); err != nil {
		return err
	}
	want := fmt.Sprintf("got word %d\n", i)
	got, err := d.agent.ReadStdout(ctx, container, exec, 1<<10)
	if err == nil && string(got) != want {
		err = fmt.Errorf("session %d says %q, not %q", i, got, want)
	}
	return err
}

func (d *demo) end(ctx context.Context, i int) error {
	container, exec := session(i)
	if _, err := d.agent.WriteStdin(ctx, container, exec, nil); err != nil { // the end of its input
		return err
	}
	rest, err := d.agent.ReadAll(ctx, container, exec)
	if err != nil {
		return err
	}
	status, err := d.agent.Wait(ctx, container, exec)
	if err == nil && (len(rest) != 0 || int(status) != i) {
		err = fmt.Errorf("session %d ends with %q and status %d", i, rest, status)
	}
	return err
}
