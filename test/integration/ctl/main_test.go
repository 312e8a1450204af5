// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// binary is the client, made once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "kata-agent-ctl")
	code := 1
	if err := harness.BuildProgram("./cmd/kata-agent-ctl", dir, "-race"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	harness.Clean()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// pod is an agent with a bundle whose container only sleeps.
type pod struct {
	*harness.Agent
	t      *testing.T
	bundle string
}

func newPod(t *testing.T) *pod {
	t.Helper()
	a := harness.Start(t, harness.Options{})
	dir := filepath.Dir(harness.Rootfs(t))
	p := &pod{Agent: a, t: t, bundle: dir}
	rootfs, _ := filepath.Glob(dir + "/*/bin")
	if len(rootfs) != 1 {
		t.Fatalf("no root file system in %s", dir)
	}
	config := fmt.Sprintf(`{"ociVersion": "1.1.0",
		"process": {"args": ["sleep", "1000"], "cwd": "/", "env": ["PATH=/bin"]},
		"root": {"path": %q}, "hostname": "from-bundle",
		"mounts": [
			{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
			{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "gid=5"]}],
		"linux": {"cgroupsPath": %q, "namespaces": [{"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "pid"}, {"type": "network"}]}}`,
		filepath.Base(filepath.Dir(rootfs[0])), a.Cgroup+"/c")
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// result of a program.
type result struct {
	stdout, stderr string
	status         int
}

// command is the client with its arguments, told where the agent is. It is not told of CI, where libraries
// leave a terminal alone that they would ask for its colours elsewhere.
func (p *pod) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "CI=") })
	cmd.Env = append(cmd.Env, "KATA_AGENT_SERVER_ADDR="+p.Address, "TERM=xterm")
	return cmd
}

func (p *pod) run(stdin string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	cmd := p.command(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		p.t.Fatalf("%v: %v, %v", args, err, ctx.Err())
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// want runs the client and compares.
func (p *pod) want(want result, stdin string, args ...string) {
	p.t.Helper()
	if got := p.run(stdin, args...); got != want {
		p.t.Errorf("kata-agent-ctl %s\ngot  %+v\nwant %+v", strings.Join(args, " "), got, want)
	}
}
