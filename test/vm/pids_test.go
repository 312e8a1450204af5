// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

const (
	// fewPids makes a fork bomb short: the kernel has 512 numbers to give out again.
	fewPids = 812
	// What is left of them for all containers, and for one of them.
	podPids, containerPids = "384", "320"
)

// TestForkBombWithoutLimit has containers take all processes that there are. Hosts strip the
// limit of a pod, so the agent must have kept some for itself and for other containers.
func TestForkBombWithoutLimit(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		vm, agent := bootPod(t, lab.Options{CgroupV2: v2, Lifetime: 10 * time.Minute})
		vm.Shell(t, fmt.Sprintf("echo %d > /proc/sys/kernel/pid_max", fewPids))
		other := agent.RunSleeper(t, "other")
		t.Run("one bomb", func(t *testing.T) {
			bomb := explode(t, vm, agent, v2, "bomb")
			checkPidsLimits(t, vm, v2, bomb)
			checkBesideBomb(t, agent, other)
			checkBomb(t, agent, bomb)
			bomb.Remove(t)
		})
		t.Run("two bombs", func(t *testing.T) {
			first, second := explode(t, vm, agent, v2, "first"), explode(t, vm, agent, v2, "second")
			agent.Check(t)
			checkBomb(t, agent, first)
			checkBomb(t, agent, second)
			first.Remove(t)
			second.Remove(t)
		})
		if got := other.Shell(t, "echo alive | cat"); got != "alive" {
			t.Errorf("after the bombs a session wrote %q", got)
		}
		agent.DestroySandbox(t)
		wantContains(t, "console", vm.Console(), "agent ended with status 0")
	})
}

func pidsDir(v2 bool, group string) string {
	if v2 {
		return "/sys/fs/cgroup/" + group
	}
	return "/sys/fs/cgroup/pids/" + group
}

// explode runs a fork bomb, one that goes on when it is refused a process, and waits until it
// is.
func explode(t *testing.T, vm *lab.VM, agent *host.Agent, v2 bool, id string) *host.Container {
	t.Helper()
	spec := agent.Sleeper(t, id)
	spec.Linux.Resources = &protocols.LinuxResources{}
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: id, OCI: spec})
	c.Start(t)
	agent.Call(t, "ExecProcess", &protocols.ExecProcessRequest{
		ContainerId: id, ExecId: "fork", Process: host.Process("awk", `BEGIN { while (1) system("sleep 100000 &") }`),
	})
	vm.WaitUntil(t, "grep -q 'max [1-9]' "+pidsDir(v2, "kubepods/pod1/"+id)+"/pids.events")
	return c
}

func checkPidsLimits(t *testing.T, vm *lab.VM, v2 bool, bomb *host.Container) {
	for group, want := range map[string]string{"kubepods": podPids, "kubepods/pod1/" + bomb.ID: containerPids} {
		if got := vm.Shell(t, "cat "+pidsDir(v2, group)+"/pids.max"); got != want {
			t.Errorf("limit of %s is %s, want %s", group, got, want)
		}
	}
}

// checkBesideBomb is what other containers and requests must not notice.
func checkBesideBomb(t *testing.T, agent *host.Agent, other *host.Container) {
	if got := other.Shell(t, "echo alive | cat"); got != "alive" {
		t.Errorf("beside a bomb a session wrote %q", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			_, err := agent.Try(ctx, "ExecProcess", &protocols.ExecProcessRequest{
				ContainerId: other.ID, ExecId: fmt.Sprintf("beside-%d", i), Process: host.Process("true"),
			})
			if err != nil {
				t.Errorf("a session beside a bomb: %v", err)
			}
		})
	}
	wg.Wait()
	third := agent.RunSleeper(t, "third")
	if got := third.Shell(t, "echo alive | cat"); got != "alive" {
		t.Errorf("in a container made beside a bomb a session wrote %q", got)
	}
	third.Remove(t)
}

// checkBomb asks for what a host wants of the container itself.
func checkBomb(t *testing.T, agent *host.Agent, bomb *host.Container) {
	stats := agent.Call(t, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: bomb.ID}).(*protocols.StatsContainerResponse)
	// The second of two has what the first has left of the pod's.
	if p := stats.CgroupStats.GetPidsStats(); p.GetCurrent() < 10 || fmt.Sprint(p.GetLimit()) != containerPids {
		t.Errorf("statistics of the bomb: %v", p)
	}
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	_, err := agent.Try(ctx, "ExecProcess", &protocols.ExecProcessRequest{
		ContainerId: bomb.ID, ExecId: "inside", Process: host.Process("true"),
	})
	// cgroup v1 lets a process in that was made outside.
	if err != nil && !strings.Contains(err.Error(), "resource temporarily unavailable") {
		t.Errorf("a session in the bomb: %v", err)
	}
}
