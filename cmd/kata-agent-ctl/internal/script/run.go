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
	// IgnoreErrors goes on after a command that went wrong.
	IgnoreErrors bool
	// Show writes an answer to Out; nil is Print.
	Show func(io.Writer, protocols.Message) error

	done   bool
	repeat int // how often to run the next command: 0 or 1 is once, -1 for ever
}

// errQuit ends a list of commands.
var errQuit = errors.New("quit")

// Run runs all commands of a source, until one goes wrong, "quit" or a DestroySandbox that went
// well.
func (r *Runner) Run(ctx context.Context, next Source) error {
	for !r.done {
		text, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch err := r.line(ctx, text); {
		case errors.Is(err, errQuit):
			r.done = true
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !r.IgnoreErrors:
			return err
		case err != nil:
			r.Log.Error(err.Error())
		}
	}
	return nil
}

// Done reports whether a command has ended the list: quit, or DestroySandbox.
func (r *Runner) Done() bool { return r.done }

// line runs one line as often as a repeat before it says.
func (r *Runner) line(ctx context.Context, text string) error {
	l, err := Parse(text)
	if err != nil || l.Name == "" {
		return err
	}
	if l.Name == "repeat" {
		count, rest, _ := strings.Cut(l.Text, " ")
		// A bad number is 1, as in Kata's tool.
		if r.repeat, err = strconv.Atoi(count); err != nil || r.repeat < -1 {
			r.repeat = 1
		}
		if rest = strings.TrimSpace(rest); rest == "" {
			return nil
		}
		if l, err = Parse(rest); err != nil {
			return err
		}
	}
	count := r.repeat
	r.repeat = 1
	if count == 0 {
		count = 1
	}
	for i := 0; count < 0 || i < count; i++ {
		err := r.command(ctx, l)
		if errors.Is(err, errQuit) || ctx.Err() != nil || err != nil && !r.IgnoreErrors {
			return err
		}
		if err != nil {
			r.Log.Error(err.Error())
		}
	}
	return nil
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
