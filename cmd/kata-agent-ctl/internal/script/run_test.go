// SPDX-License-Identifier: Apache-2.0

package script

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// recorder is an agent that fails where it is told to.
type recorder struct {
	methods []string
	fail    map[string]bool
}

func (r *recorder) Call(_ context.Context, m protocols.Method, _ protocols.Message) (protocols.Message, error) {
	r.methods = append(r.methods, m.Method)
	if r.fail[m.Method] {
		return nil, errors.New(m.Method + " is refused")
	}
	return m.NewResponse(), nil
}

func TestRun(t *testing.T) {
	cases := map[string]struct {
		lines  []string
		fail   string
		ignore bool
		calls  string
		out    string
		err    string
	}{
		"one after another": {lines: []string{"Check", "", "# comment", "Version"}, calls: "Check Version"},
		"echo":              {lines: []string{"echo two  words", "Check"}, calls: "Check", out: "two  words\n"},
		"repeat the next":   {lines: []string{"repeat 3", "Check", "Version"}, calls: "Check Check Check Version"},
		"repeat in place":   {lines: []string{"repeat 2 Check", "Version"}, calls: "Check Check Version"},
		"repeat own":        {lines: []string{"repeat 2", "echo x"}, out: "x\nx\n"},
		"bad number is one": {lines: []string{"repeat many", "Check"}, calls: "Check"},
		"repeat zero":       {lines: []string{"repeat 0", "Check"}, calls: "Check"},
		"quit":              {lines: []string{"Check", "quit", "Version"}, calls: "Check"},
		"quit repeated":     {lines: []string{"repeat -1", "quit", "Version"}},
		"destroy ends":      {lines: []string{"DestroySandbox", "Check"}, calls: "DestroySandbox"},
		"failed destroy does not": {
			lines: []string{"DestroySandbox", "Check"}, fail: "DestroySandbox", ignore: true, calls: "DestroySandbox Check",
			err: "commands that failed: 1",
		},
		"error ends":     {lines: []string{"Check", "Version"}, fail: "Check", calls: "Check", err: "Check is refused"},
		"error ignored":  {lines: []string{"repeat 2", "Check", "Version"}, fail: "Check", ignore: true, calls: "Check Check Version", err: "commands that failed: 2"},
		"unknown":        {lines: []string{"Chek"}, err: "unknown method"},
		"unknown helps":  {lines: []string{"Container"}, err: "CreateContainer"},
		"sleep":          {lines: []string{"sleep 1ms", "Check"}, calls: "Check"},
		"sleep how long": {lines: []string{"sleep soon"}, err: "soon"},
		"list":           {lines: []string{"list", "help"}, out: "*"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			agent := &recorder{fail: map[string]bool{c.fail: true}}
			var out bytes.Buffer
			r := &Runner{
				Caller: agent, Out: &out, Log: slog.New(slog.DiscardHandler), IgnoreErrors: c.ignore,
				Show: func(io.Writer, protocols.Message) error { return nil },
			}
			err := r.Run(context.Background(), Lines(c.lines))
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if got := strings.Join(agent.methods, " "); got != c.calls {
				t.Errorf("calls %q, want %q", got, c.calls)
			}
			if c.out != "*" && out.String() != c.out {
				t.Errorf("output %q, want %q", out.String(), c.out)
			}
			if c.out == "*" && !strings.Contains(out.String(), "OnlineCPUMem") {
				t.Errorf("list: %s", out.String())
			}
		})
	}
}

func TestRepeatForEverEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Runner{Caller: callerFunc(func() { cancel() }), Out: io.Discard, Log: slog.New(slog.DiscardHandler), IgnoreErrors: true}
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, Lines([]string{"repeat -1", "Check"})) }()
	if err := guard.Receive(t, "the end", done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// A line that was ended alone is no end of the list, even if it would repeat for ever.
func TestALineIsEndedAlone(t *testing.T) {
	ended := errors.New("ended by somebody")
	lines := 0
	var endLine context.CancelCauseFunc
	agent := new(recorder)
	r := &Runner{Out: io.Discard, Log: slog.New(slog.DiscardHandler), IgnoreErrors: true}
	r.Caller = callerFunc(func() {
		if lines == 1 {
			endLine(ended)
		}
		agent.methods = append(agent.methods, "called")
	})
	r.PerLine = func(ctx context.Context) (context.Context, context.CancelFunc) {
		lines++
		ctx, cancel := context.WithCancelCause(ctx)
		endLine = cancel
		return ctx, func() { cancel(nil) }
	}
	err := r.Run(context.Background(), Lines([]string{"repeat -1 Check", "Check"}))
	if !errors.Is(err, ErrFailed) || lines != 2 || len(agent.methods) != 2 {
		t.Errorf("%v after %d lines and %d calls, want %v after two of each", err, lines, len(agent.methods), ErrFailed)
	}
}

type callerFunc func()

func (f callerFunc) Call(_ context.Context, m protocols.Method, _ protocols.Message) (protocols.Message, error) {
	f()
	return m.NewResponse(), nil
}

func TestAnswersAreJSON(t *testing.T) {
	var out bytes.Buffer
	r := &Runner{Caller: &recorder{}, Out: &out, Log: slog.New(slog.DiscardHandler)}
	lines := Read(strings.NewReader("Check\nStartContainer container_id=c\nWaitProcess container_id=c"), "list.txt")
	if err := r.Run(context.Background(), lines); err != nil {
		t.Fatal(err)
	}
	// A zero status is shown; an answer without fields is no line.
	if want := "{\"status\":\"UNKNOWN\"}\n{\"status\":0}\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestErrorsNameTheirLine(t *testing.T) {
	agent := &recorder{fail: map[string]bool{"Version": true}}
	r := &Runner{Caller: agent, Out: io.Discard, Log: slog.New(slog.DiscardHandler)}
	for text, want := range map[string]string{
		"Check\n\nVersion\n":   "list.txt:3: Version is refused",
		"# comment\nChek\n":    "list.txt:2: unknown method",
		"sleep soon\n":         "list.txt:1: sleep",
		"Check\nrepeat 2 Chek": "list.txt:2: unknown method",
	} {
		err := r.Run(context.Background(), Read(strings.NewReader(text), "list.txt"))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// Words that Kata's own tool never reads are passed over with automatic values, and errors without.
func TestUnknownWords(t *testing.T) {
	var passed []string
	agent := new(recorder)
	r := &Runner{Caller: agent, Out: io.Discard, Log: slog.New(slog.DiscardHandler)}
	r.PassOver = func(method, word string) { passed = append(passed, method+" "+word) }
	lines := []string{"StartContainer cid=c sid=s", "RemoveContainer cid=c sid=s what=ever"}
	if err := r.Run(context.Background(), Lines(lines)); err == nil || !strings.Contains(err.Error(), "sid=s") {
		t.Errorf("without automatic values: got %v, want an error about sid=s", err)
	}
	r.Auto = true
	if err := r.Run(context.Background(), Lines(lines)); err != nil {
		t.Error("with automatic values:", err)
	}
	want := []string{"StartContainer sid=s", "RemoveContainer sid=s", "RemoveContainer what=ever"}
	if !slices.Equal(passed, want) || len(agent.methods) != 2 {
		t.Errorf("passed over %q in calls %q, want %q in two calls", passed, agent.methods, want)
	}
}
