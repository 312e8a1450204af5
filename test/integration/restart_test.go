// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// restarting runs the agent again when it has died, as a service manager does. What is mounted before
// the first start is not the agent's.
const restarting = `#!/bin/sh
mkdir -p /run/kata-containers/foreign && mount -t tmpfs foreign /run/kata-containers/foreign || exit
until %s "$@"; do :; done
`

// running is the pid of the agent that runs now, a child of the script; 0 if none does.
func (p *pod) running() int {
	p.T.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.Pid, p.Pid))
	p.Must(err)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(list)))
	return pid
}

// crash kills the agent and connects to the next one.
func (p *pod) crash() {
	p.T.Helper()
	before := p.running()
	p.Client.Close()
	p.Must(syscall.Kill(before, syscall.SIGKILL))
	guard.Until(p.T, "the agent dies", func() bool { pid := p.running(); return pid != before && pid != 0 })
	guard.Until(p.T, "the next agent listens", func() bool {
		c, err := harness.Dial(p.Address)
		if err == nil {
			p.Client = c
		}
		return err == nil
	})
}

// TestRestartAfterACrash kills an agent with a pod and starts another in its place: what the first has
// left is cleared, the same ids make a pod again, and what is not its own stays.
func TestRestartAfterACrash(t *testing.T) {
	other := newPod(t, harness.Options{})
	other.Idle("c1")
	script := filepath.Join(t.TempDir(), "restarting")
	if err := os.WriteFile(script, fmt.Appendf(nil, restarting, harness.Build(t)), 0o755); err != nil {
		t.Fatal(err)
	}
	p := newPod(t, harness.Options{Binary: script})
	var inits []string
	for range 2 {
		p.Idle("c1")
		shared := p.Spec("c2", p.Rootfs, "sh", "-c", "sleep 10007 & sleep 10007")
		for i, n := range shared.Linux.Namespaces {
			if n.Type == "pid" {
				shared.Linux.Namespaces = append(shared.Linux.Namespaces[:i:i], shared.Linux.Namespaces[i+1:]...)
				break
			}
		}
		p.Must(p.Create(p.Ctx, "c2", shared))
		p.Must(p.StartContainer(p.Ctx, "c2"))
		p.Output("c2", "e", "true")
		p.Until("processes", func() bool { inits = p.inCgroups(); return len(inits) >= 3 })
		p.crash()
		for _, pid := range inits {
			if b, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(b), ") Z ") {
				t.Errorf("a process of a container has outlived the next agent's start: %s", b)
			}
		}
		if left := p.inCgroups(); len(left) > 0 {
			t.Errorf("processes %v are in cgroups of containers after the next agent's start; want none", left)
		}
		p.Must(p.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "sb", Dns: []string{"nameserver 10.1.1.1"}}))
	}
	p.Idle("c1")
	p.Output("c1", "e", "true")
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", p.Pid))
	p.Must(err)
	for place, want := range map[string]int{"/run/kata-containers/foreign ": 1, "/run/kata-containers/c1/rootfs ": 1, "/run/kata-containers/c2/rootfs ": 0, "sandbox-ns/ipc ": 1} {
		if got := strings.Count(string(mounts), place); got != want {
			t.Errorf("mounts at %s: %d, want %d", place, got, want)
		}
	}
	p.UntilLogged(2, "cleared what an agent before has left")
	for _, line := range p.Warnings() {
		t.Errorf("log: %s\nwant no warning", line)
	}
	other.Output("c1", "e", "true")
}

// inCgroups lists the processes in the pod's cgroups.
func (p *pod) inCgroups() (pids []string) {
	p.T.Helper()
	files, err := filepath.Glob("/sys/fs/cgroup/memory" + p.Cgroup + "*/*/cgroup.procs")
	p.Must(err)
	direct, err := filepath.Glob("/sys/fs/cgroup/memory" + p.Cgroup + "*/cgroup.procs")
	p.Must(err)
	for _, f := range append(files, direct...) {
		b, _ := os.ReadFile(f) // of a group that has gone meanwhile
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}
