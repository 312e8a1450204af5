// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/agenttest"
	"github.com/kata-containers/kata-agent/protocols"
	"golang.org/x/sys/unix"
)

// The statuses are those of docker and kubectl.
func TestStatusOfAProgramThatDidNotRun(t *testing.T) {
	s := agenttest.Start(t)
	t.Setenv(addressVariable, s.Address())
	for text, want := range map[string]int{
		`create container "c": exec: "x": executable file not found in $PATH`: 127,
		`exec: "/x": the file /x was not found`:                               127,
		`exec: "/x": no such file or directory`:                               127,
		`exec: "/x": permission denied`:                                       126,
		`exec: "/x": exec format error`:                                       126,
		`exec: "/x": is a directory`:                                          126,
		`invalid container id: "c"`:                                           125,
		`container "c" not found`:                                             125,
	} {
		s.Handle("ExecProcess", func(context.Context, protocols.Message, protocols.Message) error { return errors.New(text) })
		if got := run([]string{"exec", "c", "x"}); got != want {
			t.Errorf("%s: status %d, want %d", text, got, want)
		}
	}
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"exec", "c"}, 125},
		{[]string{"run", "--no-such-option"}, 125},
		{[]string{"run", "/not/there"}, 125},
		{[]string{"call", "Nonsense"}, 1},
		{[]string{"nonsense"}, 1},
		{[]string{"exec", "--server-address", "unix:///not/there", "c", "x"}, 125},
	} {
		if got := run(c.args); got != c.want {
			t.Errorf("%v: status %d, want %d", c.args, got, c.want)
		}
	}
}

// A usage error shows how the command is used, any other does not.
func TestUsageErrors(t *testing.T) {
	t.Setenv(addressVariable, "")
	for _, args := range [][]string{{"exec", "c"}, {"call"}, {"run", "--what"}, {"connect"}, {"call", "Check"}} {
		root := newRoot()
		root.SetArgs(clapArgs(root, args))
		cmd, err := root.ExecuteContextC(context.Background())
		if text := complaint(cmd, err); !strings.Contains(text, "\nUsage: kata-agent-ctl "+args[0]) {
			t.Errorf("%v: %q, want the usage of %s", args, text, args[0])
		}
	}
	root := newRoot()
	root.SetArgs([]string{"exec", "--server-address", "unix:///not/there", "c", "x"})
	cmd, err := root.ExecuteContextC(context.Background())
	if text := complaint(cmd, err); !strings.Contains(text, "is the agent running?") || strings.Contains(text, "Usage") {
		t.Errorf("nobody listens: %q, want a question and no usage", text)
	}
}

// INT while a call is pending ends the call and undoes it.
func TestInterruptWhilePending(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"process":{"args":["x"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, blocks string
		args, want   []string
	}{
		{"create", "CreateContainer", []string{"run", dir}, []string{"CreateContainer", "RemoveContainer"}},
		{"start", "StartContainer", []string{"run", "--id", "c", dir}, []string{"CreateContainer", "StartContainer", "RemoveContainer"}},
		// Somebody else's container may have this id.
		{"create with an id", "CreateContainer", []string{"run", "--id", "c", dir}, []string{"CreateContainer"}},
		{"exec", "ExecProcess", []string{"exec", "c", "x"}, []string{"ExecProcess", "SignalProcess", "WaitProcess"}},
		{"exec with an id", "ExecProcess", []string{"exec", "--exec-id", "e", "c", "x"}, []string{"ExecProcess"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := agenttest.Start(t)
			t.Setenv(addressVariable, s.Address())
			s.Handle(c.blocks, func(ctx context.Context, _, _ protocols.Message) error {
				_ = unix.Kill(unix.Getpid(), unix.SIGINT)
				<-ctx.Done() // the connection ends
				return ctx.Err()
			})
			if got := run(c.args); got != 130 {
				t.Errorf("status %d, want 130", got)
			}
			if got := s.Methods(); !slices.Equal(got, c.want) {
				t.Errorf("calls %v, want %v", got, c.want)
			}
		})
	}
}

// "call" sends what is given and nothing else: a signal that is left out is no SIGKILL.
func TestCallAddsNothing(t *testing.T) {
	s := agenttest.Start(t)
	t.Setenv(addressVariable, s.Address())
	for _, c := range []struct {
		args []string
		want uint32
	}{
		{[]string{"call", "SignalProcess", "container_id=x"}, 0},
		{[]string{"connect", "-n", "-c", "SignalProcess container_id=x"}, 0},
		{[]string{"connect", "-c", "SignalProcess container_id=x"}, 9},
	} {
		if _, err := execute("", c.args...); err != nil {
			t.Errorf("%v: %v", c.args, err)
		}
		calls := s.Calls()
		if got := calls[len(calls)-1].Request.(*protocols.SignalProcessRequest).Signal; got != c.want {
			t.Errorf("%v sent signal %d, want %d", c.args, got, c.want)
		}
	}
}
