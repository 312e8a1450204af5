// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc"
	"github.com/kata-containers/kata-agent/rpc/server"
)

func gate(t *testing.T, rules string) (*Gate, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	g := New(zap.New(core))
	if err := g.Load("agent_policy", "package agent_policy\n"+rules); err != nil {
		t.Fatal(err)
	}
	return g, logs
}

// decided asks as the server does.
func decided(g *Gate, request string, m protocols.Message) (codes.Code, string) {
	info := &server.Info{Request: request}
	ok, err := g.Known(info, m)
	if !ok {
		err = g.Decide(context.Background(), info, m)
	}
	if err == nil {
		return codes.OK, ""
	}
	return rpc.Status(err)
}

// TestAnswers has code and text of each kind of decision.
func TestAnswers(t *testing.T) {
	g, _ := gate(t, `default StatsContainerRequest := false
StatsContainerRequest if { print("a", input.container_id); print("b"); input.container_id == "c" }
PauseContainerRequest := false
ResumeContainerRequest if input.container_id - 1 == 0
RemoveContainerRequest := "yes"
CopyFileRequest := true
`)
	for range 2 { // the second time some are known
		for _, tc := range []struct {
			request string
			m       protocols.Message
			code    codes.Code
			text    string
		}{
			{"StatsContainerRequest", &protocols.StatsContainerRequest{ContainerId: "c"}, codes.OK, ""},
			{"StatsContainerRequest", &protocols.StatsContainerRequest{ContainerId: "d"}, codes.PermissionDenied,
				"StatsContainerRequest is blocked by policy: agent_policy:3: a d agent_policy:3: b"},
			{"PauseContainerRequest", &protocols.PauseContainerRequest{}, codes.PermissionDenied, "PauseContainerRequest is blocked by policy: "},
			{"ResumeContainerRequest", &protocols.ResumeContainerRequest{ContainerId: "x"}, codes.Internal, "ResumeContainerRequest: internal error "},
			{"RemoveContainerRequest", &protocols.RemoveContainerRequest{}, codes.Internal,
				"RemoveContainerRequest: internal error policy check: unexpected eval_query result type string"},
			{"AddSwapRequest", &protocols.AddSwapRequest{}, codes.Internal,
				"AddSwapRequest: internal error policy check: unexpected eval_query result len QueryResults { result: [] }"},
			{"CopyFileRequest", &protocols.CopyFileRequest{FileMode: 0o120777, Data: []byte{0xff}}, codes.Internal,
				"parsing CopyFileRequest for policy: invalid symlink content"},
		} {
			code, text := decided(g, tc.request, tc.m)
			exact := code != codes.Internal || tc.request != "ResumeContainerRequest"
			if code != tc.code || exact && text != tc.text || !strings.HasPrefix(text, tc.text) {
				t.Errorf("%s: %v %q, want %v %q", tc.request, code, text, tc.code, tc.text)
			}
		}
	}
}

func TestNoPolicyAllowsAll(t *testing.T) {
	g := New(zap.NewNop())
	if code, text := decided(g, "AddSwapRequest", &protocols.AddSwapRequest{}); code != codes.OK {
		t.Errorf("%v %s", code, text)
	}
	if err := g.SetPolicy(context.Background(), &protocols.SetPolicyRequest{Policy: "package agent_policy\nX := true\n"}); err != nil {
		t.Fatal(err)
	}
	if code, _ := decided(g, "AddSwapRequest", &protocols.AddSwapRequest{}); code != codes.Internal {
		t.Errorf("%v with a policy, want INTERNAL", code)
	}
}

// TestSetPolicy is decided by the policy in force; what is refused changes nothing.
func TestSetPolicy(t *testing.T) {
	g, _ := gate(t, "SetPolicyRequest if contains(input.policy, \"Stats\")\nPauseContainerRequest := true\n")
	set := func(text string) (codes.Code, string) {
		err := g.SetPolicy(context.Background(), &protocols.SetPolicyRequest{Policy: "package agent_policy\n" + text})
		if err == nil {
			return codes.OK, ""
		}
		return rpc.Status(err)
	}
	for _, tc := range []struct {
		text string
		code codes.Code
		want string
	}{
		{"X := true", codes.Internal, "SetPolicyRequest: internal error"},
		{"Stats if {", codes.InvalidArgument, "agent_policy:"},
		{"Stats if { y }", codes.InvalidArgument, "agent_policy:2: var y is unsafe"},
	} {
		if code, text := set(tc.text); code != tc.code || !strings.Contains(text, tc.want) {
			t.Errorf("%s: %v %q, want %v %q", tc.text, code, text, tc.code, tc.want)
		}
		if code, _ := decided(g, "PauseContainerRequest", &protocols.PauseContainerRequest{}); code != codes.OK {
			t.Errorf("after %s the policy before is gone: %v", tc.text, code)
		}
	}
	if code, text := set("SetPolicyRequest := false\nPauseContainerRequest := false # Stats"); code != codes.OK {
		t.Fatal(text)
	}
	if code, _ := decided(g, "PauseContainerRequest", &protocols.PauseContainerRequest{}); code != codes.PermissionDenied {
		t.Errorf("%v, want the new policy's denial", code)
	}
	if code, _ := set("X := true # Stats"); code != codes.PermissionDenied {
		t.Errorf("a third one: %v, want a denial", code)
	}
}

// TestSetPolicyOnce: of two policies that the one in force allows, and that allow no other, one wins.
func TestSetPolicyOnce(t *testing.T) {
	g, _ := gate(t, "SetPolicyRequest := true\n")
	var wg sync.WaitGroup
	set := make(chan error, 8)
	for range cap(set) {
		wg.Go(func() {
			set <- g.SetPolicy(context.Background(), &protocols.SetPolicyRequest{Policy: "package agent_policy\nSetPolicyRequest := false\n"})
		})
	}
	wg.Wait()
	close(set)
	won := 0
	for err := range set {
		if err == nil {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d were set, want 1", won)
	}
}

func TestTolerance(t *testing.T) {
	g, logs := gate(t, "AllowRequestsFailingPolicy := true\nPauseContainerRequest if input.container_id == \"c\"\n")
	if logs.FilterLevelExact(zapcore.WarnLevel).Len() != 1 {
		t.Errorf("%d warnings of a policy that denies nothing, want 1", logs.Len())
	}
	if code, text := decided(g, "PauseContainerRequest", &protocols.PauseContainerRequest{ContainerId: "d"}); code != codes.OK {
		t.Errorf("%v %s", code, text)
	}
	if got := logs.FilterField(zap.String("request", "PauseContainerRequest")).Len(); got != 1 {
		t.Errorf("%d warnings of the request, want 1", got)
	}
}

// TestDecisions are kept with their ids and prints, the last of them, and nothing of the request.
func TestDecisions(t *testing.T) {
	g, _ := gate(t, `ExecProcessRequest if { print("asked"); input.process.Cwd == "/" }
default ExecProcessRequest := false
`)
	q := &protocols.ExecProcessRequest{ContainerId: "c", ExecId: "e", Process: &protocols.Process{Env: []string{"SECRET=1"}, Cwd: "/x"}}
	for range kept + 10 {
		decided(g, "ExecProcessRequest", q)
	}
	decided(g, "AddSwapRequest", &protocols.AddSwapRequest{})
	lines := strings.Split(strings.TrimSpace(g.Decisions()), "\n")
	if len(lines) != kept {
		t.Fatalf("%d decisions, want %d", len(lines), kept)
	}
	var first, last Record
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(lines[kept-1]), &last); err != nil {
		t.Fatal(err)
	}
	if first.Request != "ExecProcessRequest" || first.Container != "c" || first.Exec != "e" || first.Allowed || first.Time.IsZero() ||
		len(first.Prints) != 1 || first.Prints[0] != "agent_policy:2: asked" {
		t.Errorf("first: %+v", first)
	}
	if last.Request != "AddSwapRequest" || last.Error == "" || last.Time.Before(first.Time) {
		t.Errorf("last: %+v", last)
	}
	if strings.Contains(g.Decisions(), "SECRET") {
		t.Error("environment among the decisions")
	}
}
