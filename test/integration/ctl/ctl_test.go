// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

func TestRunAndExec(t *testing.T) {
	p := newPod(t)
	p.want(result{stdout: "out in", stderr: "err\n", status: 7}, "in",
		"run", "--rm", p.bundle, "--", "sh", "-c", "printf 'out '; cat; echo err >&2; exit 7")
	p.want(result{stdout: "c1\n"}, "", "run", "--detach", "--id", "c1", p.bundle)
	p.want(result{stdout: "from-bundle\n"}, "", "exec", "c1", "hostname")
	p.want(result{stdout: "1000 7 /tmp b\n"}, "", "exec", "--user", "1000:7", "--cwd", "/tmp", "--env", "A=b", "c1", "--",
		"sh", "-c", "echo $(id -u) $(id -g) $(pwd) $A")
	p.want(result{status: 137}, "", "exec", "c1", "sh", "-c", "kill -9 $$")
	if got := p.run("", "exec", "c1", "not-there"); got.status != 127 || !strings.Contains(got.stderr, "not-there") {
		t.Errorf("a program that is not there: %+v", got)
	}
	if got := p.run("", "exec", "c1", "/etc"); got.status != 126 || !strings.Contains(got.stderr, "/etc") {
		t.Errorf("a directory as a program: %+v, want status 126", got)
	}
	if got := p.run("", "exec", "nobody", "id"); got.status != 125 || got.stderr == "" {
		t.Errorf("a container that is not there: %+v", got)
	}
	p.want(result{stdout: "{\"status\":137}\n"}, "", "connect", "-c", "SignalProcess cid=c1", "WaitProcess", "RemoveContainer")
}

// Bytes go through unchanged in both directions, and the end of input comes after the last of them.
func TestBytes(t *testing.T) {
	p := newPod(t)
	p.want(result{stdout: "c1\n"}, "", "run", "-d", "--id", "c1", p.bundle)
	data := bytes.Repeat([]byte("all bytes \x00\xff\r\n\x03\x04 "), 200_000)
	got := p.run(string(data), "exec", "c1", "cat")
	if got.status != 0 || got.stdout != string(data) {
		t.Errorf("%d bytes came back of %d, status %d, %s", len(got.stdout), len(data), got.status, got.stderr)
	}
	p.want(result{stdout: fmt.Sprintf("%x  -\n", sha256.Sum256(data))}, string(data), "exec", "c1", "sha256sum")
	// One that does not read its input ends all the same.
	p.want(result{stdout: "done\n"}, string(data), "exec", "c1", "echo", "done")
	p.want(result{}, "", "call", "RemoveContainer", "container_id=c1")
}

// A signal for the client is one for the process.
func TestSignals(t *testing.T) {
	p := newPod(t)
	p.want(result{stdout: "c1\n"}, "", "run", "-d", "--id", "c1", p.bundle)
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	cmd := p.command(ctx, "exec", "c1", "--", "sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // checked by its status
	if code := cmd.ProcessState.ExitCode(); code != 9 {
		t.Errorf("ended with %d", code)
	}
	p.want(result{}, "", "call", "RemoveContainer", "container_id=c1")
}

// INT while a hook holds up a create ends the create, and nothing of it stays.
func TestInterruptedCreate(t *testing.T) {
	p := newPod(t)
	config := filepath.Join(p.bundle, "config.json")
	plain, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	begun := filepath.Join(t.TempDir(), "begun")
	hook := fmt.Sprintf(`{"hooks": {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "touch %s; exec sleep 1000"]}]},`, begun)
	if err := os.WriteFile(config, append([]byte(hook), plain[1:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := p.command(guard.Context(t), "run", "--as-is", "--id", "held", p.bundle)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard.Until(t, "the hook has begun", func() bool { _, err := os.Stat(begun); return err == nil })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // checked by its status
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(errs.String(), "interrupted by SIGINT") {
		t.Errorf("ended with %d and %q, want 130 and a word on the interruption", code, errs.String())
	}
	if err := os.WriteFile(config, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	guard.Until(t, "the id is free again", func() bool { return p.run("", "run", "-d", "--id", "held", p.bundle).status == 0 })
	p.want(result{}, "", "call", "RemoveContainer", "container_id=held")
}

// TestList runs a list of commands in the form of Kata's own tests.
func TestList(t *testing.T) {
	p := newPod(t)
	src := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(src, bytes.Repeat([]byte{'x'}, 2<<20+5), 0o644); err != nil {
		t.Fatal(err)
	}
	copied := "/run/kata-containers/shared/containers/large"
	got := p.run("", "-l", "error", "connect", "--bundle-dir", p.bundle, "-c",
		`CreateSandbox json://{"sandbox_id": "1234"}`,
		`CopyFile json://{"src": "`+src+`", "dest":"`+copied+`"}`,
		`CreateContainer json://{"id": "c1"}`,
		`StartContainer json://{"container_id": "c1"}`,
		`ExecProcess cid=c1 exec_id=e1 json://{"process": {"Args": ["cat"], "Cwd": "/", "Env": ["PATH=/bin"]}}`,
		`WriteStdin data="two words"`,
		`ReadStdout`,
		`CloseStdin`,
		`WaitProcess`,
		`repeat 2`, `Check`,
		`StatsContainer`,
		`RemoveContainer json://{"container_id": "c1"}`)
	if got.status != 0 {
		t.Fatalf("%+v", got)
	}
	lines := strings.Split(got.stdout, "\n")
	if want := `{"len":9}|{"data":"dHdvIHdvcmRz"}|{"status":0}|{"status":"SERVING"}|{"status":"SERVING"}`; strings.Join(lines[:5], "|") != want {
		t.Errorf("answers:\n%s", got.stdout)
	}
	if !strings.Contains(lines[5], "memory_stats") {
		t.Errorf("stats: %s", lines[5])
	}
	info, err := os.Stat(p.Path(copied))
	if err != nil || info.Size() != 2<<20+5 {
		t.Errorf("copied file: %v, %v", info, err)
	}
	if got := p.run("", "connect", "-c", `CopyFile json://{"src": "`+src+`", "dest":"/run/kata-containers/shared/foo"}`); got.status == 0 {
		t.Errorf("a copy to another place: %+v", got)
	}
	p.want(result{}, "", "connect", "-c", "DestroySandbox")
	if code := p.WaitExit(); code != 0 {
		t.Errorf("the agent ended with %d", code)
	}
}
