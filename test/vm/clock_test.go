// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"strconv"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestClock sets the guest's clock, which no test may do to the machine it
// runs on.
func TestClock(t *testing.T) {
	vm, agent := bootInit(t, lab.Options{})
	want := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	agent.Call(t, "SetGuestDateTime", &protocols.SetGuestDateTimeRequest{Sec: want.Unix(), Usec: 250000})
	seconds, err := strconv.ParseInt(vm.Shell(t, "date +%s"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if off := time.Unix(seconds, 0).Sub(want); off < 0 || off > guard {
		t.Errorf("the clock is off by %v", off)
	}
	agent.Fails(t, "SetGuestDateTime", &protocols.SetGuestDateTimeRequest{Sec: want.Unix(), Usec: 2_000_000})
	agent.Call(t, "ReseedRandomDev", &protocols.ReseedRandomDevRequest{Data: []byte("some bytes of entropy from the host")})
	agent.Fails(t, "ReseedRandomDev", &protocols.ReseedRandomDevRequest{})

	// A VM that was paused finds its timers and connections alive.
	vm.Pause(t)
	time.Sleep(200 * time.Millisecond) // clock: how long the pause lasts
	vm.Resume(t)
	agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{})
}

// TestClockIsSetUnderWaits: the host sets the clock while a disk and an exit are waited for and the
// output of a session that has ended is unread.
func TestClockIsSetUnderWaits(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		vm, agent := bootPod(t, lab.Options{CgroupV2: v2, Modules: lab.FullModules(), KernelArgs: []string{"agent.hotplug_timeout=60"}})
		c := agent.RunSleeper(t, "c1")
		exited := make(chan int32, 1)
		go func() {
			resp, err := agent.Try(t.Context(), "WaitProcess", &protocols.WaitProcessRequest{ContainerId: "c1"})
			if err != nil {
				exited <- -1
				return
			}
			exited <- resp.(*protocols.WaitProcessResponse).Status
		}()
		storage := &protocols.Storage{Driver: "blk", Source: vm.NextRootPort()}
		req := volumeRequest(t, agent, "clock", storage)
		created := createBeside(t, agent, req)
		now := time.Now()
		for name, at := range map[string]time.Time{
			"an hour later": now.Add(time.Hour), "an hour earlier": now.Add(-time.Hour), "ten years later": now.AddDate(10, 0, 0),
		} {
			unread := unreadSession(t, agent, c, name)
			agent.Call(t, "SetGuestDateTime", &protocols.SetGuestDateTimeRequest{Sec: at.Unix()})
			time.Sleep(1500 * time.Millisecond) // clock: longer than the agent takes to look at what lingers
			resp := agent.Call(t, "ReadStdout", &protocols.ReadStreamRequest{ContainerId: "c1", ExecId: unread, Len: 100})
			if got := string(resp.(*protocols.ReadStreamResponse).Data); got != "unread\n" {
				t.Errorf("%s: read %q, want the unread output", name, got)
			}
		}
		vm.PlugDisk(t, volumeImage(t, "clock"), lab.RootPort)
		if err := <-created; err != nil {
			t.Errorf("the create that waited for a disk: %v", err)
		}
		c.Kill(t, 9)
		if status := <-exited; status != 137 {
			t.Errorf("the wait for the exit: status %d, want 137", status)
		}
	})
}

// unreadSession runs a session whose status is asked for and whose output is not.
func unreadSession(t *testing.T, agent *host.Agent, c *host.Container, id string) string {
	t.Helper()
	id = "unread-" + strconv.Itoa(len(id))
	p := host.Process("echo", "unread")
	p.Capabilities, p.Rlimits = nil, nil
	agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{ContainerId: c.ID, ExecId: id, Process: p})
	if status := c.Wait(t, id); status != 0 {
		t.Fatalf("session %s: status %d", id, status)
	}
	return id
}

// TestFrozenVMFindsItsDisk: the VM stands still for longer than a disk may take, and the disk comes
// right after it goes on.
func TestFrozenVMFindsItsDisk(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		vm, agent := bootPod(t, lab.Options{CgroupV2: v2, Modules: lab.FullModules(), KernelArgs: []string{"agent.hotplug_timeout=10"}})
		storage := &protocols.Storage{Driver: "blk", Source: vm.NextRootPort()}
		req := volumeRequest(t, agent, "frozen", storage)
		image := volumeImage(t, "frozen")
		created := createBeside(t, agent, req)
		agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{})
		vm.Freeze(t, func() { time.Sleep(20 * time.Second) }) // clock: how long it stands still
		vm.PlugDisk(t, image, lab.RootPort)
		if err := <-created; err != nil {
			t.Errorf("the create that waited for a disk: %v", err)
		}
	})
}
