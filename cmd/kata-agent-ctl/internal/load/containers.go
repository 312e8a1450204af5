// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
	"golang.org/x/sys/unix"
)

// removeTimeout is for a container whose end went wrong.
const removeTimeout = 20 * time.Second

// churn is the whole life of a container.
func (l *run) churn(ctx context.Context, i int) (int64, error) {
	id := l.id(i)
	c := l.client(i)
	if err := l.createOn(ctx, c, id); err != nil {
		return 0, err
	}
	return 0, endContainer(ctx, c, id)
}

// holdContainers creates and starts Count containers, keeps them, and removes them.
func (l *run) holdContainers(ctx, until context.Context) {
	there := make([]bool, l.Count)
	var open atomic.Int64
	l.each(l.Count, func(i int) {
		if until.Err() != nil {
			return
		}
		there[i] = l.once(ctx, time.Now(), l.main, func(ctx context.Context) (int64, error) {
			return 0, l.createOn(ctx, l.client(i), l.id(i))
		})
		if there[i] {
			open.Add(1)
			l.active.Add(1)
		}
	})
	l.holding(l.Name, int(open.Load()))
	if waitUntil(until, time.Now().Add(quiet)) {
		end := l.plateau()
		waitUntil(until, time.Now().Add(time.Duration(l.Hold)))
		end()
	}
	l.mark(l.Name + ": removing")
	// They are removed even if the run was ended.
	ctx = context.WithoutCancel(ctx)
	l.each(l.Count, func(i int) {
		if there[i] {
			l.once(ctx, time.Now(), l.step("remove"), func(ctx context.Context) (int64, error) {
				return 0, endContainer(ctx, l.client(i), l.id(i))
			})
			l.active.Add(-1)
		}
	})
}

// createContainer makes a container for sessions.
func (e *env) createContainer(ctx context.Context, id string) error {
	ctx, cancel := e.operation(ctx)
	defer cancel()
	return e.createOn(ctx, e.client(0), id)
}

// createOn creates and starts a container that sleeps. One that does not start is removed.
func (e *env) createOn(ctx context.Context, c *client.Client, id string) error {
	err := c.Do(ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: id, ExecId: id, OCI: e.files.spec(id, "sleep", "1000000"),
	})
	if err != nil {
		return err
	}
	if err := c.Do(ctx, "StartContainer", &protocols.StartContainerRequest{ContainerId: id}); err != nil {
		remove := c.Do(context.WithoutCancel(ctx), "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: id})
		return errors.Join(err, remove)
	}
	return nil
}

// endContainer is what a host does at the end: kill, wait, remove. It removes even what does not end.
func endContainer(ctx context.Context, c *client.Client, id string) error {
	p := client.Process{Client: c, Container: id}
	if err := p.Signal(ctx, int(unix.SIGKILL)); err != nil {
		return err
	}
	code, err := p.Wait(ctx)
	if err == nil {
		err = ended(code, 128+int(unix.SIGKILL))
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	return errors.Join(err, c.Do(last, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: id}))
}

// removeContainers ends those of prepare. It does so even if the run was ended.
func (e *env) removeContainers() error {
	errs := make([]error, len(e.containers))
	var all sync.WaitGroup
	for i, id := range e.containers {
		all.Go(func() {
			ctx, cancel := e.operation(context.Background())
			defer cancel()
			if err := endContainer(ctx, e.client(0), id); err != nil {
				errs[i] = fmt.Errorf("remove container %s: %w", id, err)
			}
		})
	}
	all.Wait()
	e.containers = nil
	return errors.Join(errs...)
}
