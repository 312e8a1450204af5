// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/containerd/ttrpc"

	"github.com/kata-containers/kata-agent/protocols"
	hang "github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestConnectionOutlivesACrash kills the agent of a guest whose init it is. The host has one connection from
// the beginning to the end, and calls on it that wait: it sees nothing of two crashes. An agent that dies again
// and again ends the guest.
func TestConnectionOutlivesACrash(t *testing.T) {
	vm, agent := bootPod(t, lab.Options{CgroupV2: true, KernelArgs: []string{"agent.keep_containers"}})
	c := agent.RunSleeper(t, "c1")
	root := "/run/kata-containers/c1/rootfs"
	for round := 1; round <= 2; round++ {
		exec := fmt.Sprint("e", round)
		until := fmt.Sprintf("until [ -e /go%d ]; do usleep 10000; done; echo bye; exit 7", round)
		agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: c.ID, ExecId: exec, Process: host.Process("sh", "-c", until)})
		status, output := parked(t, agent, c.ID, exec)
		before := agentPID(t, vm)
		vm.Shell(t, "usleep 300000; kill -9 "+before)
		agent.Check(t)
		if after := agentPID(t, vm); after == before {
			t.Fatalf("round %d: agent is process %s, want another one than before", round, after)
		}
		if got := c.Shell(t, "echo here"); got != "here" {
			t.Errorf("round %d: a session wrote %q", round, got)
		}
		vm.Shell(t, fmt.Sprintf("touch %s/go%d", root, round))
		if got := <-output; got != "bye\n" {
			t.Errorf("round %d: a read that had waited since before the crash returned %q", round, got)
		}
		if got := <-status; got != 7 {
			t.Errorf("round %d: a wait since before the crash returned status %d, want 7", round, got)
		}
	}
	vm.Shell(t, "("+killAll+") >/dev/null 2>&1 &")
	if err := vm.WaitPowerOff(within(t)); err != nil {
		t.Error(err)
	}
	wantContains(t, "console", vm.Console(), "agent killed by signal 9, powering off")
}

// killAll kills one agent after the other, so that some die within a minute on the slowest machine.
const killAll = `sleep 1; while :; do
	kill -9 $(awk '$2 == "(kata-agent)" && $4 == 1 {print $1}' /proc/[0-9]*/stat 2>/dev/null)
	usleep 100000
done`

// parked has a read and a wait of a session pending.
func parked(t *testing.T, agent *host.Agent, cid, exec string) (status <-chan int32, output <-chan string) {
	s, o := make(chan int32, 1), make(chan string, 1)
	go func() {
		reply, err := agent.Try(within(t), "WaitProcess", &protocols.WaitProcessRequest{ContainerId: cid, ExecId: exec})
		if err != nil {
			t.Errorf("wait since before the crash: %v", err)
			s <- -1
			return
		}
		s <- reply.(*protocols.WaitProcessResponse).Status
	}()
	go func() {
		reply, err := agent.Try(within(t), "ReadStdout", &protocols.ReadStreamRequest{ContainerId: cid, ExecId: exec, Len: 100})
		if err != nil {
			t.Errorf("read since before the crash: %v", err)
			o <- ""
			return
		}
		o <- string(reply.(*protocols.ReadStreamResponse).Data)
	}()
	return s, o
}

// TestCrashUnderLoad kills the agent while hosts on several connections run sessions without a pause. A crash in
// the middle of a call may cost that connection, and the host is told so; what it is not told of is right.
func TestCrashUnderLoad(t *testing.T) {
	vm, agent := bootPod(t, lab.Options{CgroupV2: true, KernelArgs: []string{"agent.keep_containers"}})
	c := agent.RunSleeper(t, "c1")
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var sessions, told atomic.Int64
	for worker := range 3 {
		wg.Go(func() {
			a := host.Connect(t, vm)
			for n := 0; ctx.Err() == nil; n++ {
				err := session(t, a, c.ID, fmt.Sprintf("w%d-%d", worker, n))
				sessions.Add(1)
				if err == nil {
					continue
				}
				told.Add(1)
				if errors.Is(err, ttrpc.ErrClosed) {
					a = host.Connect(t, vm)
				}
			}
		})
	}
	for range 3 {
		before := sessions.Load()
		hang.Until(t, "some sessions", func() bool { return sessions.Load() > before+10 })
		pid := agentPID(t, vm)
		vm.Shell(t, "kill -9 "+pid)
	}
	before := sessions.Load()
	hang.Until(t, "some sessions", func() bool { return sessions.Load() > before+10 })
	stop()
	wg.Wait()
	t.Logf("%d sessions, of which hosts were told of %d that they had failed", sessions.Load(), told.Load())
	if got := host.Connect(t, vm).Container(c.ID).Shell(t, "echo here"); got != "here" {
		t.Errorf("a session afterwards wrote %q", got)
	}
}

// session runs one whose output and status are known, and fails the test if the host is told others.
func session(t *testing.T, a *host.Agent, cid, exec string) error {
	ctx := within(t)
	script := fmt.Sprintf("echo %s; exit 7", exec)
	_, err := a.Try(ctx, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: cid, ExecId: exec, Process: host.Process("sh", "-c", script)})
	if err != nil {
		return err
	}
	var output string
	for {
		reply, err := a.Try(ctx, "ReadStdout", &protocols.ReadStreamRequest{ContainerId: cid, ExecId: exec, Len: 100})
		if err != nil {
			return err
		}
		data := reply.(*protocols.ReadStreamResponse).Data
		if len(data) == 0 {
			break
		}
		output += string(data)
	}
	reply, err := a.Try(ctx, "WaitProcess", &protocols.WaitProcessRequest{ContainerId: cid, ExecId: exec})
	if err != nil {
		return err
	}
	status := reply.(*protocols.WaitProcessResponse).Status
	if output != exec+"\n" || status != 7 && status != 255 { // what is lost is an error
		t.Errorf("session %s: output %q and status %d, want %q and 7, or 255 for unknown", exec, output, status, exec+"\n")
	}
	return nil
}
