// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
)

// quiet is how long held things are left alone before their cost is looked at.
const quiet = time.Second

// killed is the status of a process that SIGKILL has ended.
const killed = 128 + int(syscall.SIGKILL)

// hold opens Count sessions, keeps them open with two reads waiting in each, as a host does, talks
// to them, and ends them.
func (l *run) hold(ctx, until context.Context) {
	sessions := make([]*session, l.Count)
	var open atomic.Int64
	l.each(l.Count, func(i int) {
		if until.Err() != nil {
			return
		}
		l.once(ctx, time.Now(), l.main, func(limited context.Context) (int64, error) {
			var err error
			if sessions[i], err = l.openSession(ctx, limited, i); err == nil {
				open.Add(1)
				l.active.Add(1)
			}
			return 0, err
		})
	})
	l.holding(l.Name, int(open.Load()))
	if waitUntil(until, time.Now().Add(quiet)) {
		end := l.plateau()
		l.pings(ctx, until, sessions)
		end()
	}
	l.mark(l.Name + ": closing")
	l.each(l.Count, func(i int) {
		if s := sessions[i]; s != nil {
			l.once(ctx, time.Now(), l.step("close"), s.end)
			l.active.Add(-1)
		}
	})
}

// pings sends one message to each session, at least, and goes on for Hold.
func (l *run) pings(ctx, until context.Context, sessions []*session) {
	limit, cancel := context.WithTimeout(until, time.Duration(l.Hold))
	defer cancel()
	ping := func(i int) {
		if s := sessions[i]; s != nil && !s.silent {
			l.once(ctx, time.Now(), l.step("ping"), s.ping)
		}
	}
	l.each(l.Count, ping)
	if l.Pings <= 0 {
		<-limit.Done()
		return
	}
	// A worker has the sessions of its own remainder, so that two never talk to the same.
	begin := time.Now()
	workers := min(l.Workers, l.Count)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			mine := (l.Count - w + workers - 1) / workers
			for k := 0; ; k++ {
				at := begin.Add(time.Duration(float64(w+k*workers) / l.Pings * float64(time.Second)))
				if !waitUntil(limit, at) {
					return
				}
				ping(w + k%mine*workers)
			}
		})
	}
	wg.Wait()
}

// A session is an open cat, or a program of the scenario's that nobody talks to.
type session struct {
	client.Process
	i       int
	silent  bool
	sent    int
	replies chan []byte // what comes on stdout
	over    chan error  // the end of both streams
}

// openSession starts a program and its two reads. They live as long as ctx, not as the opening.
func (l *run) openSession(ctx, limited context.Context, i int) (*session, error) {
	silent := len(l.Args) > 0
	args := l.Args
	if !silent {
		args = []string{"cat"}
	}
	p, err := l.start(limited, i, process(args...))
	if err != nil {
		return nil, err
	}
	if silent {
		if err := p.CloseStdin(limited); err != nil {
			return nil, err
		}
	}
	s := &session{Process: p, i: i, silent: silent, replies: make(chan []byte, 16), over: make(chan error, 1)}
	stderr := make(chan error, 1)
	go func() {
		_, err := l.drain(ctx, p, client.Stderr, func(data []byte) error { return fmt.Errorf("stderr: %.200q", data) })
		stderr <- err
	}()
	go func() {
		_, err := l.drain(ctx, p, client.Stdout, func(data []byte) error {
			select {
			case s.replies <- data:
			case <-ctx.Done():
			}
			return ctx.Err()
		})
		close(s.replies)
		s.over <- errors.Join(err, <-stderr)
	}()
	return s, nil
}

// ping sends a message of its own and waits until all of it has come back.
func (s *session) ping(ctx context.Context) (int64, error) {
	s.sent++
	message := fmt.Sprintf("session %d says %d for the next time\n", s.i, s.sent)
	n, err := s.Write(ctx, []byte(message))
	if err == nil && n != len(message) {
		err = fmt.Errorf("%d bytes were taken of %d", n, len(message))
	}
	if err != nil {
		return 0, err
	}
	got := ""
	for len(got) < len(message) {
		select {
		case data, ok := <-s.replies:
			if !ok {
				return 0, errors.New("the session has ended")
			}
			got += string(data)
		case <-ctx.Done():
			return 0, fmt.Errorf("%q came back of %q: %w", got, message, ctx.Err())
		}
	}
	if got != message {
		return 0, fmt.Errorf("%q came back, not %q", got, message)
	}
	return int64(len(message)), nil
}

// end ends the input, on which the cat ends by itself; a silent program is killed.
func (s *session) end(ctx context.Context) (int64, error) {
	want := 0
	stop := s.CloseStdin
	if s.silent {
		want = killed
		stop = func(ctx context.Context) error { return s.Signal(ctx, int(syscall.SIGKILL)) }
	}
	if err := stop(ctx); err != nil {
		return 0, err
	}
	for {
		select {
		case data, ok := <-s.replies:
			if ok {
				return 0, fmt.Errorf("%q came at the end", data)
			}
			s.replies = nil
		case err := <-s.over:
			if err != nil {
				return 0, err
			}
			code, err := s.Wait(ctx)
			if err == nil {
				err = ended(code, want)
			}
			return 0, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
