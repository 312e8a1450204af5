// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// shell runs the lines of a document as a user does, with this client and the agent of the test.
func shell(t *testing.T, a *harness.Agent) func(line string) (string, error) {
	t.Helper()
	tools := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(tools, "kata-agent-ctl")); err != nil {
		t.Fatal(err)
	}
	// There are other agents on this machine.
	pidof := fmt.Sprintf("#!/bin/sh\necho %d\n", a.Pid)
	if err := os.WriteFile(filepath.Join(tools, "pidof"), []byte(pidof), 0o755); err != nil {
		t.Fatal(err)
	}
	return func(line string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env = append(os.Environ(), "KATA_AGENT_SERVER_ADDR="+a.Address, "PATH="+tools+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// commands are the lines of a document's blocks of shell.
func commands(t *testing.T, doc string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.ModuleRoot(), doc))
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```sh\n") {
		block, _, ok := strings.Cut(block, "```\n")
		if i == 0 || !ok {
			continue
		}
		for line := range strings.Lines(block) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// hang makes a container c1 whose hook does not end.
func hang(t *testing.T, p *harness.Pod) {
	t.Helper()
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexec sleep 10007\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	spec := p.Spec("c1", p.Rootfs, "true")
	spec.Hooks = &protocols.Hooks{CreateRuntime: []*protocols.Hook{{Path: hook, Args: []string{"hook"}, Env: []string{"PATH=" + os.Getenv("PATH")}}}}
	go func() { _ = p.Create(p.Ctx, "c1", spec) }()
	p.Until("the hook runs", func() bool {
		var got protocols.GetDiagnosticDataResponse
		err := p.Call(p.Ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: "live_text"}, &got)
		return err == nil && strings.Contains(got.Data, "createRuntime hook")
	})
}

// TestOperatingCommands runs every command of docs/operating.md on an agent with a create that hangs in a
// hook. The first of them alone says which container hangs, in which step and for how long.
func TestOperatingCommands(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	hang(t, p)
	run := shell(t, p.Agent)
	shown := map[string]string{ // by the words that the command has
		"live_text":                 "c1",
		"ps":                        "createRuntime hook",
		"log_type=live ":            `"step":"createRuntime hook`,
		"GetMetrics":                `kata_agent_steps{step="createRuntime hook"} 1`,
		"log_type=log_level --raw":  "debug\n",
		"log_type=actors":           `"path":"sandbox/container/c1"`,
		"log_type=goroutines":       "RunHook",
		"cat /proc/sys/kernel/core": "",
	}
	all := commands(t, "docs/operating.md")
	if len(all) < 14 {
		t.Fatalf("%d commands, want those of the document", len(all))
	}
	for i, line := range all {
		out, err := run(line)
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		for words, want := range shown {
			if strings.Contains(line+" ", words) && !strings.Contains(line, "--sessions") && !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in\n%s", line, want, out)
			}
		}
		if i == 0 && !(strings.Contains(out, "createRuntime hook") && strings.Contains(out, "SECONDS") && strings.Contains(out, "c1")) {
			t.Errorf("%s\n%s\nwant the container, its step and for how long", line, out)
		}
	}
	p.Until("SIGUSR1 has written the view", func() bool { return strings.Contains(p.Log(), "SECONDS  CONTAINER") })
}

// TestLogLevelAtRunTime: a call and SIGUSR2 change the level; what comes at debug names its container, and
// libcontainer's own lines, which cannot, do not come.
func TestLogLevelAtRunTime(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	level := func(name string) {
		t.Helper()
		p.Until("the level is "+name, func() bool {
			var got protocols.GetDiagnosticDataResponse
			err := p.Call(p.Ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: "log_level"}, &got)
			return err == nil && got.Data == name+"\n"
		})
	}
	debugLines := func() []string { return p.Lines(`"level":"DEBG"`) }
	p.Idle("quiet")
	if lines := debugLines(); len(lines) != 0 {
		t.Errorf("%d lines at debug before the change: %s", len(lines), lines[0])
	}
	p.Must(syscall.Kill(p.Pid, syscall.SIGUSR2))
	level("debug")
	p.Idle("c1")
	p.Output("c1", "e1", "true")
	p.Delete("c1")
	p.UntilLogged(1, `"msg":"rpc"`, `"rpc":"RemoveContainer"`)
	steps := map[string]bool{}
	for _, line := range debugLines() {
		var l struct{ Msg, Step, Container, RPC string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if l.Container != "c1" {
			t.Errorf("a line at debug that does not name the container: %s", line)
		}
		steps[l.Msg+" "+l.Step] = true
	}
	for _, want := range []string{"step begins libcontainer create", "step ends libcontainer create", "step ends spawn e1", "step ends remove"} {
		if !steps[want] {
			t.Errorf("no line %q among %v", want, steps)
		}
	}
	p.Must(p.Call(p.Ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: "log_level=warn"}, &protocols.GetDiagnosticDataResponse{}))
	level("warn")
	p.UntilLogged(1, `"log-level":"warn"`)
	before := len(p.Lines())
	p.Must(p.Check(p.Ctx))
	p.Delete("quiet")
	for _, line := range p.Lines()[before:] {
		if !strings.Contains(line, `"level":"WARN"`) {
			t.Errorf("a line at warn: %s", line)
		}
	}
	err := p.Call(p.Ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: "log_level=loud"}, &protocols.GetDiagnosticDataResponse{})
	if err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("got %v, want the level named", err)
	}
}
