// SPDX-License-Identifier: Apache-2.0

package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// A Connection is a Caller that somebody has to close.
type Connection interface {
	Caller
	io.Closer
}

// A lane is a connection of its own. Its commands run one after another, and beside all others.
type lane struct {
	name string
	conn Connection
	todo chan func()
	busy sync.WaitGroup
}

// lanes are the lanes of a list of commands, by name.
type lanes struct {
	byName map[string]*lane
	mu     sync.Mutex // guards what follows, and Out, while commands run beside one another
	errs   []error
}

// on runs "on NAME COMMAND": it does not wait for the end of the command.
func (r *Runner) on(ctx context.Context, text string) error {
	name, command, _ := strings.Cut(text, " ")
	l, err := Parse(command)
	if err != nil || l.Name == "" {
		return errors.Join(fmt.Errorf("on %s: no command", name), err)
	}
	if r.Dial == nil {
		return errors.New("on: there can be no other connections here")
	}
	a := r.lanes.byName[name]
	if a == nil {
		conn, err := r.Dial(ctx)
		if err != nil {
			return fmt.Errorf("on %s: %w", name, err)
		}
		a = r.lanes.open(name, conn)
	}
	a.busy.Add(1)
	// Its own ids: those of others would depend on who is faster.
	own := &Runner{Values: Values{Auto: r.Auto, BundleDir: r.BundleDir, ImageDir: r.ImageDir, PassOver: r.PassOver}, Caller: a.conn, Log: r.Log}
	own.Out = &laneWriter{&r.lanes, r.Out, "on " + name + ": "}
	a.todo <- func() {
		defer a.busy.Done()
		if err := own.command(ctx, l); err != nil {
			r.lanes.failed(fmt.Errorf("on %s: %s: %w", name, l.Name, err))
		}
	}
	return nil
}

// waiting is how many commands of one lane can wait for those before them.
const waiting = 1024

func (s *lanes) open(name string, conn Connection) *lane {
	a := &lane{name: name, conn: conn, todo: make(chan func(), waiting)}
	if s.byName == nil {
		s.byName = map[string]*lane{}
	}
	s.byName[name] = a
	go func() {
		for do := range a.todo {
			do()
		}
	}()
	return a
}

func (s *lanes) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
}

// await waits for the commands of the named lanes, or of all, and returns what has gone wrong in any.
func (s *lanes) await(names []string) []error {
	if len(names) == 0 {
		for name := range s.byName {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if a := s.byName[name]; a != nil {
			a.busy.Wait()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := s.errs
	s.errs = nil
	return errs
}

// hangUp closes a lane's connection, whatever it is waiting for.
func (s *lanes) hangUp(name string) {
	if a := s.byName[name]; a != nil {
		_ = a.conn.Close()
		close(a.todo)
		delete(s.byName, name)
	}
}

// end waits for all and closes their connections.
func (s *lanes) end() []error {
	errs := s.await(nil)
	for name := range s.byName {
		s.hangUp(name)
	}
	return errs
}

// settle decides about what has gone wrong in lanes.
func (r *Runner) settle(errs []error) error {
	var all []error
	for _, err := range errs {
		all = append(all, r.outcome(err))
	}
	return errors.Join(all...)
}

// within runs "within TIME COMMAND": the call has so much time.
func (r *Runner) within(ctx context.Context, text string) error {
	limit, command, _ := strings.Cut(text, " ")
	d, err := Duration(limit)
	if err != nil {
		return fmt.Errorf("within: %w", err)
	}
	l, err := Parse(command)
	if err != nil || l.Name == "" {
		return errors.Join(fmt.Errorf("within %s: no command", limit), err)
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return r.command(ctx, l)
}

// laneWriter marks what a lane says, and keeps it apart from what others do.
type laneWriter struct {
	lanes *lanes
	to    io.Writer
	mark  string
}

// Write writes one line.
func (w *laneWriter) Write(b []byte) (int, error) {
	w.lanes.mu.Lock()
	defer w.lanes.mu.Unlock()
	if _, err := io.WriteString(w.to, w.mark); err != nil {
		return 0, err
	}
	return w.to.Write(b)
}
