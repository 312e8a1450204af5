// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/agenttest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/spf13/cobra"
)

// execute runs the program's root command and returns its standard output.
func execute(stdin string, args ...string) (string, error) {
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(clapArgs(root, args))
	err := root.ExecuteContext(context.Background())
	return out.String(), err
}

func TestConnect(t *testing.T) {
	s := agenttest.Start(t)
	file := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(file, []byte("GetMetrics\n# nothing\necho done\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := execute("", "connect", "--server-address", s.Address(), "-n", "1", "--timeout", "30s",
		"-c", "Check", "Version", "-c", "StartContainer cid=c", "--file", file)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Check", "Version", "StartContainer", "GetMetrics"}; !slices.Equal(s.Methods(), want) {
		t.Errorf("calls %v", s.Methods())
	}
	if !strings.HasSuffix(out, "done\n") || !strings.Contains(out, `{"status":"UNKNOWN"}`) {
		t.Errorf("output %q", out)
	}
	for _, c := range s.Calls() {
		if !c.Deadline {
			t.Errorf("%s has no time limit", c.Method)
		}
	}
}

func TestConnectErrors(t *testing.T) {
	s := agenttest.Start(t)
	s.Handle("Check", func(context.Context, protocols.Message, protocols.Message) error { return errors.New("unwell") })
	_, err := execute("", "connect", "--server-address", s.Address(), "-c", "Check", "Version")
	if err == nil || !strings.Contains(err.Error(), "unwell") || len(s.Calls()) != 1 {
		t.Errorf("%v after %v, want an error with %q after one call", err, s.Methods(), "unwell")
	}
	for _, args := range [][]string{{"--ignore-errors"}, {"--ignore-errors", "1"}} {
		args = append([]string{"connect", "-l", "critical", "--server-address", s.Address()}, args...)
		before := len(s.Calls())
		_, err := execute("", append(args, "-c", "Check", "Version")...)
		if err == nil || !strings.Contains(err.Error(), "commands that failed: 1") {
			t.Errorf("%v: got %v, want an error that counts one command", args, err)
		}
		if got := s.Methods()[before:]; !slices.Equal(got, []string{"Check", "Version"}) {
			t.Errorf("%v: calls %v, want Check and Version", args, got)
		}
	}
	t.Setenv(addressVariable, "")
	for _, args := range [][]string{
		{"connect"}, {"connect", "-c", "Check"}, {"connect", "--server-address", "x", "-c", "Check"},
		{"connect", "--server-address", s.Address(), "--timeout", "x", "-c", "Check"},
		{"connect", "--server-address", s.Address(), "-l", "loud", "-c", "Check"},
		{"nonsense"}, {"call"}, {"call", "Nonsense"}, {"exec", "c"}, {"exec", "c", "--"}, {"run", "/not/there"},
		{"exec", "--user", "root", "c", "id"}, {"run", "--detach", "--rm", "x"},
	} {
		if out, err := execute("", args...); err == nil {
			t.Errorf("%v: no error, output %s", args, out)
		}
	}
}

func TestCall(t *testing.T) {
	s := agenttest.Start(t)
	t.Setenv(addressVariable, s.Address())
	s.Handle("GetMetrics", func(_ context.Context, _, reply protocols.Message) error {
		reply.(*protocols.Metrics).Metrics = "up 1\n"
		return nil
	})
	s.Handle("ReadStdout", func(_ context.Context, _, reply protocols.Message) error {
		reply.(*protocols.ReadStreamResponse).Data = []byte("a\x00b")
		return nil
	})
	file := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(file, []byte(`{"container_id": "from a file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		stdin, out, request string
		args                []string
	}{
		{args: []string{"GetMetrics"}, out: `{"metrics":"up 1\n"}` + "\n"},
		{args: []string{"GetMetrics", "--raw"}, out: "up 1\n"},
		{args: []string{"ReadStdout", "--raw"}, out: "a\x00b"},
		{args: []string{"Check", "--raw"}, out: "{\n  \"status\": \"UNKNOWN\"\n}\n"},
		{args: []string{"StartContainer", `{"container_id": "a b"}`}, request: `container_id:"a b" `},
		{args: []string{"StartContainer", `container_id=a b`}, request: `container_id:"a b" `},
		{args: []string{"StartContainer", "--file", file}, request: `container_id:"from a file" `},
		{args: []string{"StartContainer", "--file", "-"}, stdin: `{"container_id": "typed"}`, request: `container_id:"typed" `},
		{args: []string{"GetGuestDetails"}, request: "", out: "*"}, // nothing is filled in
	}
	for _, c := range cases {
		out, err := execute(c.stdin, append([]string{"call"}, c.args...)...)
		if err != nil || c.out != "*" && out != c.out {
			t.Errorf("%v: output %q, %v", c.args, out, err)
		}
		calls := s.Calls()
		if got := calls[len(calls)-1].Request.String(); got != c.request {
			t.Errorf("%v: request %q, want %q", c.args, got, c.request)
		}
	}
}

func TestRunAndExec(t *testing.T) {
	s := agenttest.Start(t)
	t.Setenv(addressVariable, s.Address())
	dir := t.TempDir()
	config := `{"ociVersion":"1.1.0","process":{"terminal":true,"args":["x"],"cwd":"/"},"root":{"path":"r"}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Serve(&agenttest.Process{Status: 42})
	_, err := execute("", "run", "--stdin=false", "--rm", "--id", "c", "--rootfs", "/guest", dir, "--", "y", "-z")
	if status := exitStatus(0); !errors.As(err, &status) || status != 42 {
		t.Errorf("run ends with %v", err)
	}
	create := s.Calls()[0].Request.(*protocols.CreateContainerRequest)
	if create.ContainerId != "c" || create.OCI.Root.Path != "/guest" || !slices.Equal(create.OCI.Process.Args, []string{"y", "-z"}) {
		t.Errorf("create %v", create)
	}
	if methods := s.Methods(); methods[len(methods)-1] != "RemoveContainer" {
		t.Errorf("calls %v", methods)
	}
	s.Serve(&agenttest.Process{})
	if _, err = execute("", "exec", "--stdin=false", "-u", "1:2", "-e", "A=b", "-w", "/tmp", "c", "--", "ls", "-l"); err != nil {
		t.Error(err)
	}
	for _, c := range s.Calls() {
		if r, ok := c.Request.(*protocols.ExecProcessRequest); ok {
			p := r.Process
			if r.ContainerId != "c" || len(r.ExecId) != 64 || p.User.UID != 1 || p.User.GID != 2 || p.Cwd != "/tmp" ||
				!slices.Contains(p.Env, "A=b") || !slices.Equal(p.Args, []string{"ls", "-l"}) || p.Capabilities != nil {
				t.Errorf("exec %v", r)
			}
		}
	}
}

// A container that does not start is not left behind.
func TestRunRemovesWhatDoesNotStart(t *testing.T) {
	s := agenttest.Start(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"process":{"args":["x"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Handle("StartContainer", func(context.Context, protocols.Message, protocols.Message) error { return errors.New("no") })
	_, err := execute("", "run", "--server-address", s.Address(), dir)
	if err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("got %v, want an error with %q", err, "no")
	}
	if want := []string{"CreateContainer", "StartContainer", "RemoveContainer"}; !slices.Equal(s.Methods(), want) {
		t.Errorf("calls %v", s.Methods())
	}
}

// TestEveryCommandTeaches: each has an example, and a line that says what it does.
func TestEveryCommandTeaches(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s has no example or no summary", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot())
	for _, args := range [][]string{{"list"}, {"list", "ExecProcess"}, {"examples"}, {"generate-cid"}, {"connect", "-c", "list"}, {"--help"}} {
		if out, err := execute("", args...); err != nil || out == "" {
			t.Errorf("%v: %q, %v, want some output", args, out, err)
		}
	}
	out, err := execute("", "__complete", "call", "Get")
	if err != nil || !strings.Contains(out, "GetMetrics\n") {
		t.Errorf("completion: %q, %v", out, err)
	}
}

// TestManualNamesEveryCommand: one that docs/ctl.md does not show is found by nobody. Those that are not
// for people are hidden, and completion and help are cobra's.
func TestManualNamesEveryCommand(t *testing.T) {
	const name = "docs/ctl.md"
	manual, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Hidden || sub.Name() == "help" {
				continue
			}
			if !sub.HasSubCommands() && !regexp.MustCompile(sub.CommandPath()+`\b`).Match(manual) {
				t.Errorf("%s does not show %s", name, sub.CommandPath())
			}
			visit(sub)
		}
	}
	visit(newRoot())
}
