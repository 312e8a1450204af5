// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/address"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/agenttest"
	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
)

// answer makes each session of the server write text once, exit with status, and keeps nothing.
func answer(s *agenttest.Server, text string, status int32) {
	var mu sync.Mutex
	written := map[string]bool{}
	s.Handle("ReadStdout", func(_ context.Context, request, reply protocols.Message) error {
		id := request.(*protocols.ReadStreamRequest).ExecId
		mu.Lock()
		defer mu.Unlock()
		if !written[id] {
			written[id] = true
			reply.(*protocols.ReadStreamResponse).Data = []byte(text)
		}
		return nil
	})
	s.Handle("WaitProcess", func(_ context.Context, request, reply protocols.Message) error {
		r := reply.(*protocols.WaitProcessResponse)
		r.Status = status
		if request.(*protocols.WaitProcessRequest).ExecId == "" { // a container that was killed
			r.Status = 137
		}
		return nil
	})
}

// against runs a scenario against a server.
func against(t *testing.T, s *agenttest.Server, text string) (*Result, error) {
	t.Helper()
	return watching(t, s, text, 0)
}

// watching runs a scenario and samples a process.
func watching(t *testing.T, s *agenttest.Server, text string, pid int) (*Result, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	scenario, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return Run(guard.Context(t), scenario, Options{
		Dial: func(ctx context.Context, observe func(string, time.Duration, error)) (*client.Client, error) {
			return client.Dial(ctx, address.Address{Path: s.Path}, client.Options{Observe: observe})
		},
		Rootfs: "/guest", PID: pid, Progress: func(Status) {},
	})
}

func TestRunCounts(t *testing.T) {
	s := agenttest.Start(t)
	answer(s, "hi\n", 0)
	before := runtime.NumGoroutine()
	r, err := watching(t, s, "connections = 2\ncontainers = 3\n[[load]]\nkind = \"exec\"\nworkers = 4\ncount = 100\n"+
		"[[load]]\nkind = \"call\"\nmethod = \"Check\"\nrate = 1000\ncount = 20\n", os.Getpid())
	if err != nil || r.Failed != 0 || r.Loads[0].Operations != 100 || r.Loads[1].Operations != 20 || r.Loads[0].Bytes != 300 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Usage == nil || r.Usage.PeakKiB == 0 || len(r.Samples) < 3 {
		t.Errorf("usage %+v of %d samples", r.Usage, len(r.Samples))
	}
	count := map[string]int{}
	containers := map[string]bool{}
	for _, c := range s.Calls() {
		count[c.Method]++
		if e, ok := c.Request.(*protocols.ExecProcessRequest); ok {
			containers[e.ContainerId] = true
		}
	}
	if count["ExecProcess"] != 100 || count["Check"] != 20 || count["CreateContainer"] != 3 || count["RemoveContainer"] != 3 || len(containers) != 3 {
		t.Errorf("calls %v in %v", count, containers)
	}
	for _, c := range r.Calls {
		if c.Name == "CreateContainer" || c.Name == "RemoveContainer" {
			t.Errorf("%s is measured, but is preparation", c.Name)
		}
	}
	guard.Until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before+10 })
}

// TestRunFindsFaults: whatever an agent does wrong is a failure.
func TestRunFindsFaults(t *testing.T) {
	exec := "[[load]]\nkind = \"exec\"\ncount = 2\n"
	refuse := func(context.Context, protocols.Message, protocols.Message) error { return errors.New("refused") }
	cases := map[string]struct {
		scenario, mention string
		spoil             func(*agenttest.Server)
	}{
		"lost output": {exec, `output "h"`, func(s *agenttest.Server) { answer(s, "h", 0) }},
		"status":      {exec, "exit status 1", func(s *agenttest.Server) { answer(s, "hi\n", 1) }},
		"refusal":     {exec, "refused", func(s *agenttest.Server) { s.Handle("ExecProcess", refuse) }},
		"stderr": {exec, "stderr", func(s *agenttest.Server) {
			once := false
			s.Handle("ReadStderr", func(_ context.Context, _, reply protocols.Message) error {
				if !once {
					once = true
					reply.(*protocols.ReadStreamResponse).Data = []byte("oops")
				}
				return nil
			})
		}},
		"a call that hangs": {"timeout = \"2s\"\n" + exec, "deadline exceeded", func(s *agenttest.Server) {
			s.Handle("ExecProcess", func(ctx context.Context, _, _ protocols.Message) error { <-ctx.Done(); return ctx.Err() })
		}},
		"stream too short": {"[[load]]\nkind = \"stream\"\nbytes = 8\ncount = 1\n", "5 bytes came of 8", func(s *agenttest.Server) {
			answer(s, "\x00\x00\x00\x00\x00", 0)
		}},
		"stream changed": {"[[load]]\nkind = \"stream\"\nbytes = 4\ncount = 1\n", "wrong bytes", func(s *agenttest.Server) { answer(s, "\x00\x00\x01\x00", 0) }},
		"more than asked": {"[[load]]\nkind = \"stream\"\nchunk = 2\nbytes = 4\ncount = 1\n", "4 bytes were read", func(s *agenttest.Server) {
			answer(s, "\x00\x00\x00\x00", 0)
		}},
		"another code than the limit's": {
			"timeout = \"2s\"\n[[load]]\nkind = \"call\"\nmethod = \"GetOOMEvent\"\nexpect = \"NotFound\"\ncount = 1\n", "DeadlineExceeded, not NotFound",
			func(s *agenttest.Server) {
				s.Handle("GetOOMEvent", func(ctx context.Context, _, _ protocols.Message) error { <-ctx.Done(); return ctx.Err() })
			},
		},
		"unexpected code": {"[[load]]\nkind = \"call\"\nmethod = \"Check\"\nexpect = \"NotFound\"\ncount = 1\n", "OK, not NotFound", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := agenttest.Start(t)
			answer(s, "hi\n", 0)
			if c.spoil != nil {
				c.spoil(s)
			}
			r, err := against(t, s, c.scenario)
			if err != nil {
				t.Fatal(err)
			}
			if r.Failed == 0 || !strings.Contains(strings.Join(r.Failures, "\n"), c.mention) {
				t.Errorf("%d failures: %q, want one with %q", r.Failed, r.Failures, c.mention)
			}
		})
	}
}

// A run in which nothing goes right ends by itself, and removes its containers.
func TestRunGivesUp(t *testing.T) {
	s := agenttest.Start(t)
	answer(s, "", 0)
	r, err := against(t, s, "duration = \"600s\"\n[[load]]\nkind = \"exec\"\nworkers = 8\n")
	if err == nil || !strings.Contains(err.Error(), "1000 failures") || len(r.Failures) != keptFailures {
		t.Errorf("%v, %d failures kept, want an error with %q and %d", err, len(r.Failures), "1000 failures", keptFailures)
	}
	methods := s.Methods()
	if methods[len(methods)-1] != "RemoveContainer" {
		t.Errorf("the last call is %s", methods[len(methods)-1])
	}
}

func TestRunCannotPrepare(t *testing.T) {
	s := agenttest.Start(t)
	s.Handle("CreateContainer", func(context.Context, protocols.Message, protocols.Message) error { return errors.New("no room") })
	if _, err := against(t, s, "[[load]]\nkind = \"exec\"\ncount = 1\n"); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("got %v, want an error with %q", err, "no room")
	}
}
