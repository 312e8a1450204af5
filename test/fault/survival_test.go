// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// restarting runs the agent again when it has died, as a service manager does, once the test lets it.
const restarting = `#!/bin/sh
until %s "$@"; do until [ -e %s ]; do sleep 0.02; done; done
`

// survivor is a pod whose agent is killed.
type survivor struct {
	*harness.Pod
	gate string // a file: the next agent may start
}

func newSurvivor(t *testing.T, options ...string) *survivor {
	t.Helper()
	dir := t.TempDir()
	s := &survivor{gate: filepath.Join(dir, "gate")}
	script := filepath.Join(dir, "restarting")
	if err := os.WriteFile(script, fmt.Appendf(nil, restarting, harness.Build(t), s.gate), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Pod = harness.NewPod(t, harness.Options{Binary: script, Cmdline: "agent.keep_containers agent.hotplug_timeout=600 " + strings.Join(options, " ") + "\n"})
	return s
}

// running is the pid of the agent that runs now, a child of the script; 0 if none does.
func (s *survivor) running() int {
	s.T.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.Pid, s.Pid))
	s.Must(err)
	for pid := range strings.FieldsSeq(string(list)) {
		if name, _ := os.ReadFile("/proc/" + pid + "/comm"); !strings.HasPrefix(string(name), "sleep") {
			n, _ := strconv.Atoi(pid)
			return n
		}
	}
	return 0
}

// crash kills the agent, does something while there is none, and connects to the next one.
func (s *survivor) crash(meanwhile func()) {
	s.T.Helper()
	before := s.running()
	s.Must(os.RemoveAll(s.gate))
	s.Client.Close()
	s.Must(syscall.Kill(before, syscall.SIGKILL))
	guard.Until(s.T, "the agent dies", func() bool { return s.running() != before })
	meanwhile()
	s.Must(os.WriteFile(s.gate, nil, 0o600))
	guard.Until(s.T, "the next agent listens", func() bool {
		c, err := harness.Dial(s.Address)
		if err == nil {
			s.Client = c
		}
		return err == nil
	})
}

// let makes a file that the container's programs wait for.
func (s *survivor) let(name string) {
	s.T.Helper()
	s.Must(os.WriteFile(filepath.Join(s.Rootfs, name), nil, 0o600))
}

// line reads one line of output.
func (s *survivor) line(cid, exec string) string {
	s.T.Helper()
	b, err := s.ReadStdout(s.Ctx, cid, exec, 100)
	s.Must(err)
	return string(b)
}

const counter = `n=0; while :; do n=$((n+1)); until [ -e /go$n ]; do sleep 0.02; done; echo line $n; done`

// before is a session that has ended before the crash, and that nobody has waited for.
func before(round int) string { return fmt.Sprint("before", round) }

// TestContainersOutliveACrash kills the agent ten times in a row. Each time the next one has the
// containers as they were: what they write meanwhile is read, sessions end with their status, a
// container that waited for its start is started, a create that was under way has left nothing.
func TestContainersOutliveACrash(t *testing.T) {
	s := newSurvivor(t)
	s.Launch("counter", "sh", "-c", counter)
	s.Make("waiting", "sh", "-c", "echo started; sleep 10000")
	s.Idle("paused")
	s.Must(s.Pause("paused"))
	first := s.init("counter")
	s.Must(s.Do(s.Ctx, "UpdateContainer", &protocols.UpdateContainerRequest{
		ContainerId: "counter", Resources: &protocols.LinuxResources{Pids: &protocols.LinuxPids{Limit: 123}},
	}))
	limited := s.Spec("limited", s.Rootfs, "sleep", "10000") // so little CPU that a last stage waits for the start
	limited.Linux.Resources = &protocols.LinuxResources{CPU: &protocols.LinuxCPU{Quota: 20000, Period: 100000}}
	s.Must(s.Create(s.Ctx, "limited", limited))
	s.onVolume("holder1", "holder2")
	for round := 1; round <= 10; round++ {
		ended, lives := fmt.Sprint("ended", round), fmt.Sprint("lives", round)
		s.Session("counter", ended, "sh", "-c", fmt.Sprintf("until [ -e /end%d ]; do sleep 0.02; done; echo bye; exit 7", round))
		s.Session("counter", lives, "sleep", "10000")
		half := s.createUnderWay(fmt.Sprint("half", round))
		s.recorded("session", lives)
		s.Session("counter", before(round), "sh", "-c", "echo unread; exit 9")
		s.recorded("end", before(round))
		s.crash(func() {
			s.let(fmt.Sprint("go", round))
			s.let(fmt.Sprint("end", round))
			guard.Until(t, "the session to end", func() bool { return s.lookFor(fmt.Sprintf("/end%d ]", round)) == 0 })
		})

		if got, want := s.line("counter", ""), fmt.Sprintf("line %d\n", round); got != want {
			t.Fatalf("round %d: read %q, want what was written without an agent, %q", round, got, want)
		}
		if got := s.init("counter"); got != first {
			t.Fatalf("round %d: init is process %d, want %d: nothing is started twice", round, got, first)
		}
		if got := s.Output("counter", "echo", "echo", "hi"); got != "hi\n" {
			t.Errorf("round %d: a session's output is %q", round, got)
		}
		for _, exec := range []string{ended, before(round)} { // whose pipes have ended with them
			_, err := s.ReadStdout(s.Ctx, "counter", exec, 100)
			harness.Refused(t, err, codes.DataLoss, "counter", "stdout was lost")
		}
		if code, err := s.Wait(s.Ctx, "counter", before(round)); err != nil || code != 9 {
			t.Errorf("round %d: status of a session that ended before the crash is %d, %v, want 9", round, code, err)
		}
		s.Must(s.Signal(s.Ctx, "counter", lives, 9))
		for exec, want := range map[string]int32{ended: 7, lives: 137} { // 255 if the container's init was faster
			if code, err := s.Wait(s.Ctx, "counter", exec); err != nil || code != want && code != 255 {
				t.Errorf("round %d: status of session %q is %d, %v, want %d, or 255 for unknown", round, exec, code, err, want)
			}
		}
		if stats, err := s.stats("counter"); err != nil || stats.CgroupStats.PidsStats.Current == 0 {
			t.Errorf("round %d: statistics %v, %v, want those of a container with processes", round, stats, err)
		}
		err := s.StartContainer(s.Ctx, "counter")
		harness.Refused(t, err, codes.FailedPrecondition, "counter")
		s.Until("nothing to be noted of sessions that were waited for", func() bool {
			return !s.hasEntry("end", ended) && !s.hasEntry("end", before(round))
		})
		s.Must(s.Create(s.Ctx, half, s.Spec(half, s.Rootfs, "true"))) // its id is free
		s.Delete(half)
	}
	if stats, err := s.stats("counter"); err != nil || stats.CgroupStats.PidsStats.Limit != 123 {
		t.Errorf("statistics %v, %v, want the limit of 123 processes that was set before the crashes", stats, err)
	}
	s.WantExit("limited", "", 255) // the last stage ends with its agent
	s.Must(s.Resume("paused"))
	if got := s.Output("paused", "echo", "echo", "hi"); got != "hi\n" {
		t.Errorf("a session in the container that was paused: %q", got)
	}
	s.Must(s.StartContainer(s.Ctx, "waiting"))
	if got := s.line("waiting", ""); got != "started\n" {
		t.Errorf("the container that waited for its start: %q, want %q", got, "started\n")
	}
	for left, cid := range []string{"holder2", "holder1"} {
		if got := s.mounted(); got != 1 {
			t.Errorf("the volume of %d containers is mounted %d times, want once", 2-left, got)
		}
		s.Delete(cid)
	}
	if got := s.mounted(); got != 0 {
		t.Errorf("the volume that nobody holds is mounted %d times, want none", got)
	}
	inits := []int{s.init("counter"), s.init("waiting"), s.init("paused")}
	for _, cid := range []string{"counter", "waiting", "paused", "limited"} {
		s.Delete(cid)
	}
	for _, pid := range inits {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(b), ") Z ") {
			t.Errorf("a process is left of a container that was removed: %s", b)
		}
	}
	for _, line := range s.Warnings() {
		t.Errorf("log: %s\nwant no warning", line)
	}
}

// heldVolume is where the containers' volume is mounted.
const heldVolume = "/run/kata-containers/sandbox/held"

// onVolume makes containers that hold one volume.
func (s *survivor) onVolume(cids ...string) {
	s.T.Helper()
	const source = "/run/kata-containers/shared/containers/source"
	s.Must(os.MkdirAll(s.Path(source), 0o755))
	for _, cid := range cids {
		s.Must(s.Do(s.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
			ContainerId: cid, OCI: s.Spec(cid, s.Rootfs, "sleep", "10000"),
			Storages: []*protocols.Storage{{Driver: "bind", Source: source, Fstype: "bind", MountPoint: heldVolume, Options: []string{"rbind"}}},
		}))
		s.Must(s.StartContainer(s.Ctx, cid))
	}
}

// mounted is how often the volume is.
func (s *survivor) mounted() int {
	s.T.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", s.running()))
	s.Must(err)
	return strings.Count(string(table), " "+heldVolume+" ")
}

func (s *survivor) stats(cid string) (*protocols.StatsContainerResponse, error) {
	var r protocols.StatsContainerResponse
	return &r, s.Call(s.Ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: cid}, &r)
}

// init is the pid of a container's init, as libcontainer's state has it.
func (s *survivor) init(cid string) (pid int) {
	s.T.Helper()
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/run/kata-agent/containers/%s/state.json", s.Pid, cid))
	s.Must(err)
	_, after, _ := strings.Cut(string(state), `"init_process_pid":`)
	_, err = fmt.Sscan(strings.FieldsFunc(after, func(r rune) bool { return r == ',' || r == '}' })[0], &pid)
	s.Must(err)
	return pid
}

// createUnderWay asks for a container whose disk does not come, and returns its id when the agent is at it.
func (s *survivor) createUnderWay(cid string) string {
	s.T.Helper()
	create := absentDisk(s.Pod)
	create.ContainerId = cid
	go func() { _ = s.Do(context.Background(), "CreateContainer", create) }()
	s.Until("the create waits for its disk", func() bool {
		_, err := s.stats(cid)
		return err != nil && strings.Contains(err.Error(), "creating")
	})
	return cid
}

// recorded waits until the journal has an entry of a kind for a session; nobody waits for that but this test.
func (s *survivor) recorded(kind, exec string) {
	s.T.Helper()
	s.Until("the journal has the "+kind, func() bool { return s.hasEntry(kind, exec) })
}

func (s *survivor) hasEntry(kind, exec string) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/root/run/kata-agent/journal/%s-*.json", s.Pid, kind))
	return slices.ContainsFunc(files, func(file string) bool {
		b, _ := os.ReadFile(file)
		return strings.Contains(string(b), strconv.Quote(exec))
	})
}

// lookFor counts the processes of the machine with words on their command line.
func (s *survivor) lookFor(words string) (n int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, d := range dirs {
		if b, _ := os.ReadFile(d); strings.Contains(strings.ReplaceAll(string(b), "\x00", " "), words) {
			n++
		}
	}
	return n
}

// allowing is a policy that allows all that a test needs.
const allowing = `package agent_policy

default AllowRequestsFailingPolicy := true
`

// TestPolicyLeavesNothing: a policy's state dies with the agent, and the next one must not have containers for
// which the policy would be asked anew.
func TestPolicyLeavesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.rego")
	if err := os.WriteFile(file, []byte(allowing), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]func(t *testing.T) *survivor{
		"from the start": func(t *testing.T) *survivor { return newSurvivor(t, "agent.policy_file="+file) },
		"set later": func(t *testing.T) *survivor {
			s := newSurvivor(t)
			s.Idle("before")
			s.Must(s.Do(s.Ctx, "SetPolicy", &protocols.SetPolicyRequest{Policy: allowing}))
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t)
			s.Idle("c1")
			s.Until("the log says that nothing outlives a crash", func() bool { return len(s.Lines("will not outlive a crash")) > 0 })
			s.crash(func() {})
			for _, cid := range []string{"before", "c1"} {
				harness.Refused(t, s.Signal(s.Ctx, cid, "", 0), codes.InvalidArgument, "invalid container id", cid)
			}
			s.Idle("c1") // its id is free
		})
	}
}
