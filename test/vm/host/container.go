// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// sharedDir is where a host's shared file system lies in the guest.
const sharedDir = "/run/kata-containers/shared/containers"

// Container is a container the agent holds.
type Container struct {
	ID    string
	agent *Agent
	execs atomic.Int64
}

// Busybox makes a root file system for this container in the guest, in the
// place of the shared directory, and returns its path.
func (a *Agent) Busybox(t testing.TB, id string) string {
	t.Helper()
	root := sharedDir + "/" + id + "/rootfs"
	a.VM.Shell(t, wire.GuestPath+" rootfs "+root)
	return root
}

// Sleeper is the specification of a container that lives until it is killed.
func (a *Agent) Sleeper(t testing.TB, id string) *protocols.Spec {
	t.Helper()
	return Spec(id, a.Busybox(t, id), "sleep", "1000000")
}

// Create asks for a container.
func (a *Agent) Create(t testing.TB, req *protocols.CreateContainerRequest) *Container {
	t.Helper()
	if req.ExecId == "" {
		req.ExecId = req.ContainerId
	}
	a.Call(t, "CreateContainer", req)
	return &Container{ID: req.ContainerId, agent: a}
}

// Container is a container made by another call or connection.
func (a *Agent) Container(id string) *Container { return &Container{ID: id, agent: a} }

// RunSleeper creates and starts a container that lives until it is killed.
func (a *Agent) RunSleeper(t testing.TB, id string) *Container {
	t.Helper()
	c := a.Create(t, &protocols.CreateContainerRequest{ContainerId: id, OCI: a.Sleeper(t, id)})
	c.Start(t)
	return c
}

// Start lets the first process run.
func (c *Container) Start(t testing.TB) {
	t.Helper()
	c.agent.Call(t, "StartContainer", &protocols.StartContainerRequest{ContainerId: c.ID})
}

// Kill sends a signal to the whole container.
func (c *Container) Kill(t testing.TB, sig syscall.Signal) {
	t.Helper()
	c.agent.Call(t, "SignalProcess", &protocols.SignalProcessRequest{ContainerId: c.ID, Signal: uint32(sig)})
}

// Wait returns the exit status of a process; the empty exec id is the first.
func (c *Container) Wait(t testing.TB, execID string) int32 {
	t.Helper()
	resp := c.agent.Call(t, "WaitProcess", &protocols.WaitProcessRequest{ContainerId: c.ID, ExecId: execID})
	return resp.(*protocols.WaitProcessResponse).Status
}

// Remove kills the container and removes it, as a host does.
func (c *Container) Remove(t testing.TB) {
	t.Helper()
	c.Kill(t, syscall.SIGKILL)
	c.Wait(t, "")
	c.agent.Call(t, "RemoveContainer", &protocols.RemoveContainerRequest{ContainerId: c.ID})
}

// Output is what a process left behind.
type Output struct {
	Stdout, Stderr string
	Status         int32
}

// Exec runs a program in the container as a host does: both streams are read
// to their ends, then the status is asked for.
func (c *Container) Exec(t testing.TB, args ...string) Output {
	t.Helper()
	process := Process(args...)
	process.Capabilities, process.Rlimits = nil, nil // a Go host sends neither
	return c.Run(t, process)
}

// Run is Exec of a process that is described in full.
func (c *Container) Run(t testing.TB, process *protocols.Process) Output {
	t.Helper()
	id, args := fmt.Sprintf("exec-%d", c.execs.Add(1)), process.Args
	c.agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: c.ID, ExecId: id, Process: process})

	type stream struct {
		data string
		err  error
	}
	stderr := make(chan stream, 1)
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	go func() {
		data, err := c.read(ctx, "ReadStderr", id)
		stderr <- stream{data, err}
	}()
	stdout, err := c.read(ctx, "ReadStdout", id)
	if err != nil {
		t.Fatalf("standard output of %v: %v", args, err)
	}
	other := <-stderr
	if other.err != nil {
		t.Fatalf("standard error of %v: %v", args, other.err)
	}
	return Output{Stdout: stdout, Stderr: other.data, Status: c.Wait(t, id)}
}

// Shell runs a script in the container that must end with status 0 and
// returns its standard output.
func (c *Container) Shell(t testing.TB, script string) string {
	t.Helper()
	out := c.Exec(t, "sh", "-c", script)
	if out.Status != 0 {
		t.Fatalf("in container %s: %s\nstatus %d\n%s%s", c.ID, script, out.Status, out.Stdout, out.Stderr)
	}
	return string(bytes.TrimRight([]byte(out.Stdout), "\n"))
}

// read collects a stream until its end, which is an empty answer.
func (c *Container) read(ctx context.Context, method, execID string) (string, error) {
	var all bytes.Buffer
	for {
		resp, err := c.agent.Try(ctx, method, &protocols.ReadStreamRequest{ContainerId: c.ID, ExecId: execID, Len: 32 << 10})
		if err != nil {
			return all.String(), err
		}
		data := resp.(*protocols.ReadStreamResponse).Data
		if len(data) == 0 {
			return all.String(), nil
		}
		all.Write(data)
	}
}
