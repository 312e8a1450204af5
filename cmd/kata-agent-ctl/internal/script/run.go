// SPDX-License-Identifier: Apache-2.0

package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/protocols/protojson"
)

// A Caller makes calls; *client.Client is one.
type Caller interface {
	Call(ctx context.Context, m protocols.Method, request protocols.Message) (protocols.Message, error)
}

// A Runner runs commands one after another.
type Runner struct {
	Values
	Caller Caller
	Out    io.Writer // of answers, as JSON, and of echo
	Log    *slog.Logger
	// IgnoreErrors goes on after a command that went wrong; Run then ends with ErrFailed.
	IgnoreErrors bool
	// PerLine, if not nil, gives the context of each line, so that one can be ended and the next be run.
	PerLine func(context.Context) (context.Context, context.CancelFunc)
	// Show writes an answer to Out; nil is Print.
	Show func(io.Writer, protocols.Message) error

	// Dial makes another connection, for "on"; nil if there can be none.
	Dial func(context.Context) (Connection, error)

	lanes  lanes
	done   bool
	failed int // commands, with IgnoreErrors
	repeat int // how often to run the next command: 0 or 1 is once, -1 for ever
}

// errQuit ends a list of commands.
var errQuit = errors.New("quit")

// Run runs all commands of a source, until one goes wrong, "quit" or a DestroySandbox that went
// well. With IgnoreErrors it goes on after an error, and returns ErrFailed at the end.
func (r *Runner) Run(ctx context.Context, next Source) error {
	before := r.failed
	err := r.lines(ctx, next)
	if errs := r.settle(r.lanes.end()); err == nil {
		err = errs
	}
	if n := r.failed - before; err == nil && n > 0 {
		err = fmt.Errorf("%w: %d", ErrFailed, n)
	}
	return err
}

func (r *Runner) lines(ctx context.Context, next Source) error {
	for !r.done {
		text, place, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch err := r.oneLine(ctx, text, place); {
		case errors.Is(err, errQuit):
			r.done = true
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
	}
	return nil
}

// ErrFailed is the end of a list in which commands went wrong and the others were run all the same.
var ErrFailed = errors.New("commands that failed")

// at puts the place of a line in front of an error about it.
func at(place string, err error) error {
	if place == "" || err == nil || errors.Is(err, errQuit) {
		return err
	}
	return fmt.Errorf("%s: %w", place, err)
}

// Done reports whether a command has ended the list: quit, or DestroySandbox.
func (r *Runner) Done() bool { return r.done }

// oneLine runs a line under its own context. That the line alone was ended is an error like any other.
func (r *Runner) oneLine(ctx context.Context, text, place string) error {
	if r.PerLine == nil {
		return r.line(ctx, text, place)
	}
	lineCtx, cancel := r.PerLine(ctx)
	defer cancel()
	err := r.line(lineCtx, text, place)
	if ended := context.Cause(lineCtx); ended != nil && ctx.Err() == nil {
		return r.outcome(at(place, ended))
	}
	return err
}

// line runs one line as often as a repeat before it says.
func (r *Runner) line(ctx context.Context, text, place string) error {
	l, err := r.parse(text)
	if err != nil || l.Name == "" {
		return r.outcome(at(place, err))
	}
	count := r.repeat
	r.repeat = 1
	if count == 0 {
		count = 1
	}
	for i := 0; count < 0 || i < count; i++ {
		err := r.outcome(at(place, r.command(ctx, l)))
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// outcome decides about an error: with IgnoreErrors it is counted and logged, else it ends the list.
func (r *Runner) outcome(err error) error {
	if err == nil || errors.Is(err, errQuit) || !r.IgnoreErrors {
		return err
	}
	r.failed++
	r.Log.Error(err.Error())
	return nil
}

// parse reads a line. A repeat is remembered for the command behind it, or for the next line.
func (r *Runner) parse(text string) (Line, error) {
	l, err := Parse(text)
	if err != nil || l.Name != "repeat" {
		return l, err
	}
	count, rest, _ := strings.Cut(l.Text, " ")
	// A bad number is 1, as in Kata's tool.
	if r.repeat, err = strconv.Atoi(count); err != nil || r.repeat < -1 {
		r.repeat = 1
	}
	return Parse(rest)
}

func (r *Runner) command(ctx context.Context, l Line) error {
	if known, err := r.builtin(ctx, l); known {
		return err
	}
	method, err := client.LookUp(l.Name)
	if err != nil {
		return err
	}
	if err := r.send(ctx, method, l); err != nil {
		return err
	}
	if method.Method == "DestroySandbox" {
		return errQuit
	}
	return nil
}

// Call makes the call of a line.
func (r *Runner) Call(ctx context.Context, l Line) error {
	method, err := client.LookUp(l.Name)
	if err != nil {
		return err
	}
	return r.send(ctx, method, l)
}

func (r *Runner) send(ctx context.Context, method protocols.Method, l Line) error {
	make, err := r.requests(method, l)
	if err != nil {
		return err
	}
	err = make(func(m protocols.Message) error { return r.call(ctx, method, m) })
	if err != nil {
		return err
	}
	if method.Method == "RemoveContainer" {
		return r.removeBundle(r.ids["container_id"])
	}
	return nil
}

func (r *Runner) call(ctx context.Context, method protocols.Method, m protocols.Message) error {
	if r.Log.Enabled(ctx, slog.LevelDebug) {
		r.Log.Debug("request", "method", method.Method, "request", fmt.Sprintf("%.2000s", m.String()))
	}
	start := time.Now()
	reply, err := r.Caller.Call(ctx, method, m)
	r.Log.Info("call", "method", method.Method, "ms", float64(time.Since(start).Microseconds())/1000, "ok", err == nil)
	if err != nil {
		return err
	}
	if r.Show != nil {
		return r.Show(r.Out, reply)
	}
	return Print(r.Out, reply)
}

// Print writes an answer as JSON on a line of its own. One without fields writes nothing.
func Print(w io.Writer, m protocols.Message) error {
	if _, empty := m.(*protocols.Empty); empty {
		return nil
	}
	text, err := protojson.Marshal(m, "", true)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
