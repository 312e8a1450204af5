// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/address"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/agenttest"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
)

func connect(t *testing.T) (*agenttest.Server, client.Process) {
	t.Helper()
	s := agenttest.Start(t)
	a, err := address.Parse(s.Address(), false, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(context.Background(), a, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, client.Process{Client: c, Container: "c", Exec: "e"}
}

func TestStreamsAndStatus(t *testing.T) {
	s, p := connect(t)
	fake := &agenttest.Process{Stdout: []byte("the output"), Stderr: []byte("the complaint"), Status: 42, Taken: 5}
	s.Serve(fake)
	input := strings.Repeat("0123456789", 20)
	var out, errs bytes.Buffer
	status, err := Run(context.Background(), p, Streams{In: strings.NewReader(input), Out: &out, Err: &errs})
	if err != nil || status != 42 || out.String() != "the output" || errs.String() != "the complaint" {
		t.Errorf("status %d, %v, stdout %q, stderr %q", status, err, out.String(), errs.String())
	}
	if fake.Input() != input {
		t.Errorf("input %q: a short write loses bytes", fake.Input())
	}
	methods := s.Methods()
	if last := methods[len(methods)-1]; last != "WaitProcess" {
		t.Errorf("the last call is %s", last)
	}
	for _, c := range s.Calls() {
		if c.Deadline {
			t.Errorf("%s has a deadline", c.Method)
		}
	}
}

func TestNoInput(t *testing.T) {
	s, p := connect(t)
	s.Serve(&agenttest.Process{})
	status, err := Run(context.Background(), p, Streams{Out: io.Discard, Err: io.Discard})
	if err != nil || status != 0 || !slices.Contains(s.Methods(), "CloseStdin") || slices.Contains(s.Methods(), "WriteStdin") {
		t.Errorf("status %d, %v, calls %v", status, err, s.Methods())
	}
}

// A terminal has no stderr, and may end with an error.
func TestTerminal(t *testing.T) {
	s, p := connect(t)
	s.Serve(&agenttest.Process{Status: 3})
	s.Handle("ReadStdout", func(context.Context, protocols.Message, protocols.Message) error {
		return errors.New("Input/output error (os error 5)")
	})
	status, err := Run(context.Background(), p, Streams{Out: io.Discard, Terminal: true})
	if err != nil || status != 3 || slices.Contains(s.Methods(), "ReadStderr") {
		t.Errorf("status %d, %v, calls %v", status, err, s.Methods())
	}
}

func TestErrorsOfAStream(t *testing.T) {
	s, p := connect(t)
	s.Serve(&agenttest.Process{})
	s.Handle("ReadStderr", func(context.Context, protocols.Message, protocols.Message) error {
		return errors.New("no such stream")
	})
	_, err := Run(context.Background(), p, Streams{Out: io.Discard, Err: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "no such stream") {
		t.Errorf("got %v, want an error with %q", err, "no such stream")
	}
}

func TestConnectionLost(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		s, p := connect(t)
		s.Serve(&agenttest.Process{})
		s.Handle("ReadStdout", func(ctx context.Context, _, _ protocols.Message) error {
			p.Close()
			<-ctx.Done()
			return ctx.Err()
		})
		_, err := Run(context.Background(), p, Streams{Out: io.Discard, Err: io.Discard, Terminal: terminal})
		if err == nil {
			t.Errorf("terminal %v: no error", terminal)
		}
	}
}
