// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/agenttest"
	"github.com/kata-containers/kata-agent/protocols"
)

// TestPolicyExample runs the commands of docs/policy.md, which says what they write.
func TestPolicyExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(doc), "```\n$ ")
	example, _, both := strings.Cut(example, "```\n")
	if !ok || !both {
		t.Fatal("docs/policy.md has no example")
	}
	t.Chdir("../../docs/samples")
	for command := range strings.SplitSeq(example, "$ ") {
		line, want, _ := strings.Cut(command, "\n")
		got, err := execute("", strings.Fields(line)[1:]...)
		var status exitStatus
		if err != nil && !errors.As(err, &status) {
			t.Fatalf("%s: %v", line, err)
		}
		if got != want {
			t.Errorf("%s writes\n%swant\n%s", line, got, want)
		}
	}
}

func TestPolicyEval(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.rego")
	if err := os.WriteFile(file, []byte("package agent_policy\nStatsContainerRequest if input.container_id == \"c\"\ndefault StatsContainerRequest := false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		`{"method": "statscontainer", "request": {"container_id": "c"}}`:        "",
		`[{"kind": "StatsContainerRequest", "request": {"container_id": "c"}}]`: "",
		``: "",
		`{"method": "StatsContainer", "request": {"container_id": "d"}}`:                              "exit status 1",
		`{"method": "StatsContainer"} {"method": "StatsContainer", "request": {"container_id": "c"}}`: "exit status 1",
		`{"method": "AddSwap"}`:                            "exit status 1",
		`{"method": "Nothing"}`:                            `request 1: unknown method "Nothing"`,
		`{"method": "AddSwap", "request": {"nothing": 1}}`: "nothing",
		`{"request": {}}`:                                  "want {",
		`{"method": "a", "kind": "b"}`:                     "want {",
		`{`:                                                "unexpected EOF",
	} {
		_, err := execute(in, "policy", "eval", file, "-")
		if want == "" && err == nil {
			continue
		}
		if err == nil || want == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", in, err, want)
		}
	}
	if err := os.WriteFile(file, []byte("package agent_policy\nX {\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", file}, {"eval", file, "-"}, {"check", file + "x"}} {
		if _, err := execute("", append([]string{"policy"}, args...)...); err == nil || !strings.Contains(err.Error(), "p.rego") {
			t.Errorf("policy %s: %v, want an error that names the file", args[0], err)
		}
	}
}

func TestPolicyDecisions(t *testing.T) {
	s := agenttest.Start(t)
	s.Handle("GetDiagnosticData", func(_ context.Context, q, r protocols.Message) error {
		if got := q.(*protocols.GetDiagnosticDataRequest).LogType; got != "policy_decisions" {
			t.Errorf("asked for %q", got)
		}
		r.(*protocols.GetDiagnosticDataResponse).Data = "{\"request\":\"x\"}\n"
		return nil
	})
	out, err := execute("", "policy", "decisions", "--server-address", s.Address())
	if err != nil || out != "{\"request\":\"x\"}\n" {
		t.Errorf("%q, %v, want %q", out, err, "{\"request\":\"x\"}\n")
	}
}
