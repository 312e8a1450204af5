// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestOutOfMemory takes all of the guest's memory, in the shapes in which containers without
// a limit do. The agent lives, tells of the kill and can end the pod.
func TestOutOfMemory(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		vm, agent := bootPod(t, lab.Options{
			CgroupV2: v2, MemoryMiB: 256, Protected: true, Files: scoreTools(),
		})
		t.Run("scores", func(t *testing.T) { checkScores(t, vm, agent) })
		if v2 {
			t.Run("reserve is held again", func(t *testing.T) { checkReserve(t, vm) })
		}
		events := oomEvents(t, agent)
		for _, shape := range []struct{ name, id, script string }{
			{"one big process", "big", "tail /dev/zero"},
			{"two hundred shells", "many", "for i in $(seq 200); do (x=$(head -c 4000000 /dev/zero | tr '\\0' x); sleep 100000) & done; wait"},
			{"tmpfs", "file", "dd if=/dev/zero of=/big/file bs=1M"},
		} {
			t.Run(shape.name, func(t *testing.T) {
				checkExhaustion(t, agent, events, shape.id, shape.script)
				after := agent.RunSleeper(t, "after-"+shape.id)
				if got := after.Shell(t, "echo alive"); got != "alive" {
					t.Errorf("a container after it: %q", got)
				}
				after.Remove(t)
			})
		}
		// A volume of the pod outlives its container, so there is room for nothing after it.
		t.Run("tmpfs of the pod", func(t *testing.T) {
			checkExhaustion(t, agent, events, "volume", "dd if=/dev/zero of=/volume/file bs=1M")
		})
		agent.DestroySandbox(t)
		wantContains(t, "console", vm.Console(), "kata-agent shutdown complete", "agent ended with status 0")
	})
}

// scoreTools is a program of the image that shows with which OOM score the agent runs it.
func scoreTools() map[string]lab.File {
	script := "#!/bin/sh\ncat /proc/self/oom_score_adj\n"
	return map[string]lab.File{
		"/usr/sbin/iptables-save": {Data: []byte(script), Mode: 0o755},
		"/run-hook":               {Data: []byte("#!/bin/sh\ncat /proc/self/oom_score_adj > /hook-score\n"), Mode: 0o755},
	}
}

const ownScore = "cat /proc/self/oom_score_adj"

// checkScores looks at everybody whom the OOM killer may choose.
func checkScores(t *testing.T, vm *lab.VM, agent *host.Agent) {
	if got := vm.Shell(t, "cat /proc/"+agentPID(t, vm)+"/oom_score_adj"); got != "-1000" {
		t.Errorf("the agent has %s, want -1000", got)
	}
	spawner := "awk '$2 == \"(kata-spawner)\" {print $1}' /proc/[0-9]*/stat 2>/dev/null"
	if got := vm.Shell(t, "cat /proc/$("+spawner+")/oom_score_adj"); got != "-1000" {
		t.Errorf("the spawn helper has %s, want -1000", got)
	}
	if got := vm.Shell(t, "cat /proc/$("+reservePID+")/oom_score_adj"); got != "-998" {
		t.Errorf("the reserve has %s, want -998", got)
	}
	tool := agent.Call(t, "GetIPTables", &protocols.GetIPTablesRequest{}).(*protocols.GetIPTablesResponse)
	if got := strings.TrimSpace(string(tool.Data)); got != "0" {
		t.Errorf("a tool has %s, want 0", got)
	}
	for score, want := range map[int64]string{0: "0", 500: "500", -500: "-500"} {
		checkContainerScore(t, vm, agent, score, want)
	}
}

const reservePID = "awk '$2 == \"(kata-reserve)\" {print $1}' /proc/[0-9]*/stat 2>/dev/null"

// checkReserve takes the reserve away, as the kernel would, where there is memory for another.
func checkReserve(t *testing.T, vm *lab.VM) {
	first := vm.Shell(t, reservePID)
	vm.Shell(t, "kill -9 "+first)
	vm.WaitUntil(t, "now=$("+reservePID+"); [ \"$now\" ] && [ \"$now\" != "+first+" ]")
	vm.WaitUntil(t, "[ $(cat /proc/$("+reservePID+")/oom_score_adj) = -998 ]")
}

func checkContainerScore(t *testing.T, vm *lab.VM, agent *host.Agent, score int64, want string) {
	id := fmt.Sprintf("score%d", score)
	spec := agent.Sleeper(t, id)
	spec.Process.OOMScoreAdj = score
	spec.Hooks = &protocols.Hooks{Prestart: []*protocols.Hook{{Path: "/run-hook"}}}
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: id, OCI: spec})
	c.Start(t)
	if got := vm.Shell(t, "cat /hook-score"); got != "0" {
		t.Errorf("a hook has %s, want 0", got)
	}
	if got := c.Shell(t, "cat /proc/1/oom_score_adj"); got != want {
		t.Errorf("init of a container with %d has %s, want %s", score, got, want)
	}
	if got := c.Shell(t, ownScore); got != want {
		t.Errorf("a session in a container with %d has %s, want %s", score, got, want)
	}
	process := host.Process("sh", "-c", ownScore)
	process.OOMScoreAdj = 700
	if got := strings.TrimSpace(c.Run(t, process).Stdout); got != "700" {
		t.Errorf("a session that asks for 700 has %s", got)
	}
	c.Remove(t)
}

// oomEvents asks for kills as a host does, one call after the other, until the end of t.
func oomEvents(t *testing.T, agent *host.Agent) <-chan string {
	events := make(chan string, 10000)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		for {
			resp, err := agent.Try(ctx, "GetOOMEvent", &protocols.GetOOMEventRequest{})
			if err != nil {
				return
			}
			events <- resp.(*protocols.OOMEvent).ContainerId
		}
	}()
	return events
}

// checkExhaustion runs a script that takes all memory, in a container without a limit.
func checkExhaustion(t *testing.T, agent *host.Agent, events <-chan string, id, script string) {
	spec := agent.Sleeper(t, id)
	spec.Linux.Resources = &protocols.LinuxResources{}
	spec.Mounts = append(spec.Mounts, &protocols.Mount{
		Destination: "/big", Source: "tmpfs", Type: "tmpfs", Options: []string{"size=100%"},
	})
	volume := &protocols.Storage{
		Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", Options: []string{"size=100%"},
		MountPoint: "/run/kata-containers/sandbox/ephemeral/" + id,
	}
	spec.Mounts = append(spec.Mounts, &protocols.Mount{
		Destination: "/volume", Source: volume.MountPoint, Type: "bind", Options: []string{"rbind"},
	})
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: id, OCI: spec, Storages: []*protocols.Storage{volume}})
	c.Start(t)
	agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{
		ContainerId: c.ID, ExecId: "taker", Process: host.Process("sh", "-c", script),
	})
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	for got := ""; got != c.ID; {
		select {
		case got = <-events:
		case <-ctx.Done():
			t.Fatalf("no event of the kill in %s", c.ID)
		}
	}
	agent.Check(t)
	c.Remove(t)
}
