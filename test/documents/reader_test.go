// SPDX-License-Identifier: Apache-2.0

package documents

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// reader is somebody who types what the documents show.
type reader struct {
	top     *testing.T // ends the agent and the checkout
	t       *testing.T // of the block that is read
	agent   *harness.Agent
	tree    string // a checkout of the reader's own, once one was needed
	address string // of an agent that a document has started
	dir     string // where commands are typed
	env     []string
	others  []*exec.Cmd // that documents have put into the background
}

// newReader is one whose agent runs.
func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{top: t, t: t, dir: tools}
	r.needAgent()
	return r
}

// needAgent starts an agent where there is none, or none any more. Its memory agent is on and does
// nothing: the cgroups here are the machine's.
func (r *reader) needAgent() {
	r.t.Helper()
	if r.alive() {
		return
	}
	r.agent = harness.Start(r.top, harness.Options{
		Network: true, Cmdline: "agent.mem_agent_enable=1 agent.mem_agent_memcg_disable=true agent.mem_agent_compact_disable=true",
	})
	// There are other agents on this machine.
	pidof := fmt.Sprintf("#!/bin/sh\necho %d\n", r.agent.Pid)
	if err := os.WriteFile(filepath.Join(tools, "pidof"), []byte(pidof), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// checkout is a copy of the tree in which the scenarios of load are small.
func (r *reader) checkout() string {
	r.t.Helper()
	if r.tree != "" {
		return r.tree
	}
	r.tree = r.top.TempDir()
	tree := exec.Command("sh", "-c", `git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$1"`, "sh", r.tree)
	tree.Dir = harness.ModuleRoot()
	if out, err := tree.CombinedOutput(); err != nil {
		r.t.Fatalf("copy of the tree: %v\n%s", err, out)
	}
	scenarios, err := filepath.Glob(filepath.Join(r.tree, "test/bench/scenarios/*.toml"))
	if err != nil || len(scenarios) == 0 {
		r.t.Fatalf("no scenarios in the tree: %v", err)
	}
	for _, file := range scenarios {
		text, err := os.ReadFile(file)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(file, small(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	return r.tree
}

var largeValues = []struct {
	found *regexp.Regexp
	small string
}{
	{regexp.MustCompile(`(?m)^(count|rate|pings|workers) *= *\d+`), "$1 = 4"},
	{regexp.MustCompile(`(?m)^burst *= *\d+`), "burst = 2"},
	{regexp.MustCompile(`(?m)^(duration|hold) *= *"[^"]*"`), `$1 = "500ms"`},
	{regexp.MustCompile(`(?m)^bytes *= *"[^"]*"`), `bytes = "1MiB"`},
}

// small is a scenario with little to do.
func small(scenario []byte) []byte {
	for _, v := range largeValues {
		scenario = v.found.ReplaceAll(scenario, []byte(v.small))
	}
	return scenario
}

// replaced are places of documents that a test must not write to, and what only a reader knows.
func (r *reader) replaced(text string) string {
	out := filepath.Join(r.dir, "out")
	return strings.NewReplacer(
		"unix:///run/agent.sock", r.agent.Address,
		"/tmp/agent.sock", filepath.Join(r.dir, "a.sock"),
		"/run/kata-containers/shared/containers/c2/rootfs", filepath.Join(r.dir, "bundle/rootfs"),
		"/path/to/rootfs", out+"/rootfs", "/usr/share/man/man1", out+"/man1",
	).Replace(text)
}

// command is one for the reader's shell.
func (r *reader) command(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", r.replaced(text))
	cmd.Dir = r.dir
	// Nothing of a make, or of continuous integration, that this test is run by.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "MAKE") || strings.HasPrefix(s, "MFLAGS") || strings.HasPrefix(s, "TAGS=") || strings.HasPrefix(s, "CI=") || strings.HasPrefix(s, "CGO_CFLAGS=")
	})
	path := "PATH=" + tools + ":" + os.Getenv("PATH")
	cmd.Env = append(append(cmd.Env, path, "TERM=xterm", "KATA_AGENT_SERVER_ADDR="+r.agent.Address), r.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// run gives a line to the shell and waits for its end.
func (r *reader) run(text string) (string, error) {
	cmd := r.command(harness.Context(r.t), text)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// background starts what a document puts there with &, an agent, and waits for its socket.
func (r *reader) background(text string) error {
	r.t.Helper()
	cmd, out := r.command(r.t.Context(), text), new(screen)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	r.others = append(r.others, cmd)
	path := strings.TrimPrefix(r.address, "unix://")
	guard.Until(r.t, "the agent of the document listens", func() bool { _, err := os.Stat(path); return err == nil })
	return nil
}

// leave ends what the commands of a block have left, as the documents say.
func (r *reader) leave() {
	r.t.Helper()
	for _, cmd := range r.others {
		if out, err := r.run("kata-agent-ctl call DestroySandbox"); err != nil {
			r.t.Errorf("DestroySandbox of the document's agent: %v\n%s", err, out)
			_ = cmd.Cancel()
		}
		if err := cmd.Wait(); err != nil {
			r.t.Errorf("the document's agent has ended with %v", err)
		}
	}
	r.others, r.env, r.dir = nil, nil, tools
	if r.alive() {
		r.must(`kata-agent-ctl ps -o json | grep -o '"id": *"[^"]*"' | cut -d'"' -f4 | xargs -r kata-agent-ctl rm`)
	}
}

// alive tells whether the agent is there; documents may end it.
func (r *reader) alive() bool {
	return r.agent != nil && syscall.Kill(r.agent.Pid, 0) == nil && r.agent.Check(harness.Context(r.t)) == nil
}

// screen keeps what a command writes.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// interrupted runs a line that does not end until ^C, which is given when seen says that it is at work.
func (r *reader) interrupted(text string, seen func(output string) bool) (string, error) {
	r.t.Helper()
	cmd, out := r.command(harness.Context(r.t), "exec "+text), new(screen)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	if !guard.Holds(func() bool { return seen(out.String()) }) {
		_ = cmd.Cancel()
		_ = cmd.Wait()
		return out.String(), fmt.Errorf("it has not begun after %v", guard.Hang)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		return "", err
	}
	err := cmd.Wait()
	return out.String(), err
}

// typed runs a line on a terminal, and types keys when their words have come.
func (r *reader) typed(text string, keys []key) (string, error) {
	r.t.Helper()
	person, tty, err := pty.Open()
	if err != nil {
		return "", err
	}
	defer person.Close()
	if err := pty.Setsize(person, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		return "", err
	}
	cmd, out := r.command(harness.Context(r.t), text), new(screen)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	tty.Close()
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(out, person) }() // until the other side is closed
	for _, k := range keys {
		if !guard.Holds(func() bool { return strings.Contains(out.String(), k.after) }) {
			_ = cmd.Cancel()
			break
		}
		if _, err := io.WriteString(person, k.press); err != nil {
			return out.String(), err
		}
	}
	err = cmd.Wait()
	<-read
	return out.String(), err
}

// key is what a person types after some words have come.
type key struct{ after, press string }
