// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
)

// State is what an agent holds of the machine.
type State struct {
	Mounts   []string // mount points in the agent's mount namespace
	Cgroups  []string // of the test's containers, as paths below /sys/fs/cgroup
	Children []string // of the agent, zombies too: "pid name state"
	Files    []string // below /run of the agent
	FDs      []string // what its descriptors are
	Threads  int
}

// State looks at the agent as it is now.
func (a *Agent) State() State {
	return State{
		Mounts: a.mounts(), Cgroups: a.cgroups(), Children: a.Children(), Files: a.files(),
		FDs: a.FDs(), Threads: a.Threads(),
	}
}

// mounts leaves out what the start of the agent's mount namespace has made.
func (a *Agent) mounts() []string {
	var out []string
	for line := range strings.Lines(readFile(a.proc("mountinfo"))) {
		if f := strings.Fields(line); len(f) > 4 {
			out = append(out, f[4])
		}
	}
	slices.Sort(out)
	return out
}

func (a *Agent) cgroups() []string {
	var out []string
	for _, dir := range cgroupDirs(a.Cgroup) {
		_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() && p != dir {
				out = append(out, p)
			}
			return nil
		})
	}
	return out
}

// Children are the agent's child processes, zombies among them, but not the helper by
// which it starts sessions, nor the one that holds memory, which comes after the first answer.
func (a *Agent) Children() []string {
	var out []string
	for _, c := range guesttest.Children(a.Pid) {
		if pid := strconv.Itoa(c.Pid); pid != a.helper && c.Name != Reserve {
			out = append(out, describe(pid))
		}
	}
	slices.Sort(out)
	return out
}

// Reserve is the name of the child that holds memory for the agent (guest/sys/oom).
const Reserve = "kata-reserve"

// findHelper remembers the child that lives as long as the agent.
func (a *Agent) findHelper() {
	for _, c := range guesttest.Children(a.Pid) {
		if pid := strconv.Itoa(c.Pid); c.Name == "kata-spawner" { // a container that waits for its start has another name
			a.helper = pid
		}
	}
}

// KillHelper kills the child that starts sessions for the agent, and finds the next one
// when there is one.
func (a *Agent) KillHelper() {
	if pid, err := strconv.Atoi(a.helper); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	a.helper = ""
	a.findHelper()
}

// describe is a process in words that stay the same for its life.
func describe(pid string) string {
	stat := readFile("/proc/" + pid + "/stat")
	end := strings.LastIndexByte(stat, ')')
	if end < 0 || len(stat) < end+3 {
		return pid + " gone"
	}
	kind := "alive"
	if stat[end+2] == 'Z' {
		kind = "zombie"
	}
	return stat[:end+1] + " " + kind
}

// files are those below the agent's /run, but for what the agent keeps while it runs.
func (a *Agent) files() []string {
	var out []string
	root := a.Path("/run")
	_ = filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err == nil && p != root {
			out = append(out, strings.TrimPrefix(p, root))
		}
		if err == nil && d.Name() == "rootfs" {
			return filepath.SkipDir
		}
		return nil
	})
	return out
}

// FDs says what the agent's descriptors are; numbers of pipes and sockets are left out.
func (a *Agent) FDs() []string {
	var out []string
	entries, _ := os.ReadDir(a.proc("fd"))
	for _, e := range entries {
		target, err := os.Readlink(a.proc("fd/" + e.Name()))
		if err != nil {
			continue
		}
		if kind, _, numbered := strings.Cut(target, ":["); numbered && kind != "anon_inode" {
			target = kind
		}
		out = append(out, target)
	}
	slices.Sort(out)
	return out
}

// Threads is how many threads the agent has.
func (a *Agent) Threads() int {
	entries, _ := os.ReadDir(a.proc("task"))
	return len(entries)
}

func (a *Agent) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", a.Pid, name) }

// threadSlack is how many more threads than before an agent may have: Go never ends a thread, so as
// many stay as were ever needed at one time.
const threadSlack = 24

// reported bounds the list of a single failure.
const reported = 8

// NothingLeft fails the test unless the agent soon holds no more than before.
func (a *Agent) NothingLeft(tb testing.TB, before State) {
	tb.Helper()
	var more []string
	if guard.Holds(func() bool { more = beyond(before, a.State()); return len(more) == 0 }) {
		return
	}
	if os.Getenv("KATA_TEST_DUMP") != "" {
		a.Dump()
	}
	for i, m := range more {
		if i == reported {
			tb.Errorf("left behind: %d more", len(more)-i)
			return
		}
		tb.Errorf("left behind: %s", m)
	}
}

// beyond lists what is in now and was not before.
func beyond(before, now State) []string {
	var out []string
	for _, part := range []struct {
		name        string
		before, now []string
	}{
		{"mount", before.Mounts, now.Mounts},
		{"cgroup", before.Cgroups, now.Cgroups},
		{"child process", before.Children, now.Children},
		{"file", before.Files, now.Files},
		{"descriptor", before.FDs, now.FDs},
	} {
		for _, m := range surplus(part.before, part.now, part.name == "child process") {
			out = append(out, part.name+" "+m)
		}
	}
	if now.Threads > before.Threads+threadSlack {
		out = append(out, fmt.Sprintf("%d threads, before %d", now.Threads, before.Threads))
	}
	return out
}

// surplus is what now has more often than before. A process is the same one when it has
// another name.
func surplus(before, now []string, processes bool) []string {
	count := map[string]int{}
	alive := map[string]string{}
	for _, b := range before {
		count[b]--
		pid, _, _ := strings.Cut(b, " ")
		alive[pid] = b
	}
	for _, n := range now {
		pid, _, _ := strings.Cut(n, " ")
		if b, same := alive[pid]; processes && same && strings.HasSuffix(n, "alive") {
			n = b
		}
		count[n]++
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(count)) {
		if count[k] > 0 {
			out = append(out, fmt.Sprintf("%s (%d more)", k, count[k]))
		}
	}
	return out
}

// cgroupDirs are the directories of a cgroup path in all hierarchies there are.
func cgroupDirs(path string) []string {
	dirs, _ := filepath.Glob("/sys/fs/cgroup/*" + path)
	if _, err := os.Stat("/sys/fs/cgroup" + path); err == nil {
		dirs = append(dirs, "/sys/fs/cgroup"+path)
	}
	return dirs
}

// removeCgroups removes what is left of a test's cgroups with the processes in them, which
// is an error: removing its containers should have done so.
func removeCgroups(tb testing.TB, path string) {
	for _, dir := range cgroupDirs(path) {
		var all []string
		_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, p)
			}
			return nil
		})
		slices.Reverse(all) // the deepest first
		for _, p := range all {
			if p != dir {
				tb.Errorf("cgroup left behind: %s with processes %q", p, readFile(p+"/cgroup.procs"))
			}
			killIn(p)
			_ = syscall.Rmdir(p)
		}
	}
}

// killIn kills and thaws the processes of a cgroup and waits for them to be gone.
func killIn(dir string) {
	guard.Holds(func() bool {
		procs := strings.Fields(readFile(dir + "/cgroup.procs"))
		for _, p := range procs {
			if pid, err := strconv.Atoi(p); err == nil && pid > 1 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		_ = os.WriteFile(dir+"/freezer.state", []byte("THAWED"), 0)
		return len(procs) == 0
	})
}

func readFile(name string) string {
	b, _ := os.ReadFile(name)
	return string(b)
}
