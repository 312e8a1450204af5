// SPDX-License-Identifier: Apache-2.0

package script

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// slow is a connection on which WaitProcess waits until it is closed or out of time.
type slow struct {
	closed  chan struct{}
	waiting chan struct{}
}

func (s *slow) Call(ctx context.Context, m protocols.Method, _ protocols.Message) (protocols.Message, error) {
	if m.Method != "WaitProcess" {
		return m.NewResponse(), nil
	}
	close(s.waiting)
	select {
	case <-s.closed:
		return nil, errors.New("closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *slow) Close() error {
	close(s.closed)
	return nil
}

func TestCommandsBesideOthers(t *testing.T) {
	s := &slow{make(chan struct{}), make(chan struct{})}
	r := &recorder{}
	var out bytes.Buffer
	runner := Runner{
		Caller: r, Out: &out, Log: slog.New(slog.DiscardHandler), IgnoreErrors: true,
		Dial: func(context.Context) (Connection, error) { return s, nil },
	}
	lines := []string{"on a echo first", "await a", "on a WaitProcess", "Check", "Version", "hangup a", "Check"}
	err := runner.Run(guard.Context(t), Lines(lines))
	if got := strings.Join(r.methods, " "); got != "Check Version Check" {
		t.Errorf("calls %q, want those beside the one that waits", got)
	}
	if !strings.HasPrefix(out.String(), "on a: first\n") {
		t.Errorf("output %q", out.String())
	}
	<-s.closed // a hang if the connection was not closed
	if err != nil && !errors.Is(err, ErrFailed) {
		t.Error(err)
	}
}

// TestWithin gives a call a deadline, on a connection of its own too.
func TestWithin(t *testing.T) {
	for name, line := range map[string]string{"alone": "within 1ms WaitProcess", "beside": "on a within 1ms WaitProcess"} {
		t.Run(name, func(t *testing.T) {
			s := &slow{make(chan struct{}), make(chan struct{})}
			runner := Runner{
				Caller: s, Log: slog.New(slog.DiscardHandler), Out: &bytes.Buffer{},
				Dial: func(context.Context) (Connection, error) { return s, nil },
			}
			if err := runner.Run(guard.Context(t), Lines([]string{line})); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want the deadline", err)
			}
		})
	}
}

func TestLanesRefuse(t *testing.T) {
	for line, want := range map[string]string{
		"on a":              "no command",
		"on a Check":        "no other connections",
		"within soon Check": "not a time",
		"within 1ms":        "no command",
	} {
		runner := Runner{Caller: &recorder{}, Out: &bytes.Buffer{}, Log: slog.New(slog.DiscardHandler)}
		if err := runner.Run(guard.Context(t), Lines([]string{line})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
