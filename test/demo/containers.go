// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
)

// containers of the sandbox.
var containers = []string{"web", "worker", "log"}

// createSandbox asks for what the Go runtime asks for: a host name, and shared memory for all
// containers.
func (d *demo) createSandbox(ctx context.Context) error {
	begin := time.Now()
	err := d.agent.Do(ctx, "CreateSandbox", &protocols.CreateSandboxRequest{
		Hostname: "pod", SandboxId: "demo",
		Storages: []*protocols.Storage{{
			Driver: "ephemeral", Source: "shm", Fstype: "tmpfs", MountPoint: "/run/kata-containers/sandbox/shm",
			Options: []string{"noexec", "nosuid", "nodev", "mode=1777", "size=67108864"},
		}},
	})
	say(time.Since(begin), "sandbox created, with 64 MiB of shared memory for its containers")
	return err
}

func (d *demo) createContainers(ctx context.Context) error {
	var dirs []string
	for _, id := range containers {
		dir, err := d.bundle(id)
		if err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	begin := time.Now()
	for i, id := range containers {
		args := []string{"run", "--detach", "--id", id, dirs[i]}
		if id == "log" {
			args = append(args, "--", "sleep", "1000")
		}
		out, err := d.ctl(ctx, nil, args...)
		if err != nil {
			return err
		}
		if out != id+"\n" {
			return fmt.Errorf("kata-agent-ctl run prints %q", out)
		}
	}
	took := time.Since(begin)
	say(took/time.Duration(len(containers)), "each for %d containers from OCI bundles: kata-agent-ctl run --detach ...", len(containers))
	return nil
}

// runProgram checks streams and exit status of a session, and what the containers share: the
// sandbox's host name and /dev/shm.
func (d *demo) runProgram(ctx context.Context) error {
	begin := time.Now()
	_, err := d.ctl(ctx, strings.NewReader("left by web"), "exec", "web", "--", "sh", "-c", "cat > /dev/shm/note")
	if err != nil {
		return err
	}
	const program = "hostname; cat /dev/shm/note; echo complaint >&2; exit 3"
	var out, errs bytes.Buffer
	cmd := d.command(ctx, "exec", "worker", "--", "sh", "-c", program)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // checked by its status
	if out.String() != "pod\nleft by web" || errs.String() != "complaint\n" || cmd.ProcessState.ExitCode() != 3 {
		return fmt.Errorf("stdout %q, stderr %q, %v", out.String(), errs.String(), cmd.ProcessState)
	}
	say(time.Since(begin), "for two programs: kata-agent-ctl exec worker -- sh -c ... (stdout, stderr, exit status 3)")
	return nil
}

// killAndWait ends each container in its own way: the first handles SIGTERM, the second cannot handle
// SIGKILL, the third handles nothing, and as the first process of its namespace would live on.
func (d *demo) killAndWait(ctx context.Context) error {
	begin := time.Now()
	for i, end := range []struct {
		signal uint32
		status int32
	}{{15, 42}, {9, 137}, {15, 137}} {
		if err := d.agent.Signal(ctx, containers[i], "", end.signal); err != nil {
			return err
		}
		status, err := d.agent.Wait(ctx, containers[i], "")
		if err != nil {
			return err
		}
		if status != end.status {
			return fmt.Errorf("container %s: signal %d gives status %d, not %d", containers[i], end.signal, status, end.status)
		}
	}
	say(time.Since(begin), "to end the containers: one handles SIGTERM (status 42), one is killed, one ignores SIGTERM (both 137)")
	return nil
}

func (d *demo) removeContainers(ctx context.Context) error {
	begin := time.Now()
	for _, id := range containers {
		if err := d.agent.Remove(ctx, id); err != nil {
			return err
		}
	}
	took := time.Since(begin)
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", d.agent.pid))
	if err != nil {
		return err
	}
	if strings.Contains(string(mounts), d.dir) {
		return fmt.Errorf("mounts left behind:\n%s", mounts)
	}
	if err := removeCgroups(d.cgroup()); err != nil {
		return err
	}
	memory, err := memoryOf(d.agent.pid)
	say(took, "to remove them: no cgroup and no mount is left; the agent holds %s", memory)
	return err
}

func (d *demo) destroySandbox(ctx context.Context) error {
	begin := time.Now()
	if err := d.agent.DestroySandbox(ctx); err != nil {
		return err
	}
	if err := d.agent.waitExit(ctx); err != nil {
		return err
	}
	say(time.Since(begin), "to destroy the sandbox and end the agent, exit status 0")
	return nil
}

// command is a call of kata-agent-ctl.
func (d *demo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.ctlBinary, args...)
	cmd.Env = append(os.Environ(), "KATA_AGENT_SERVER_ADDR="+d.agent.address)
	return cmd
}

// ctl runs kata-agent-ctl and returns its output.
func (d *demo) ctl(ctx context.Context, in *strings.Reader, args ...string) (string, error) {
	cmd := d.command(ctx, args...)
	if in != nil {
		cmd.Stdin = in
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("kata-agent-ctl %s: %w: %s", args[0], err, errs.Bytes())
	}
	return string(out), nil
}
