// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
	"google.golang.org/grpc/codes"
)

// killedBySeccomp is the status of a process that its filter has ended: 128 and SIGSYS.
const killedBySeccomp = 128 + 31

// tiny is a program that makes exactly two calls of the kernel: it is executed, and exits
// with status 7. With an argument it does not even exit.
func tiny(t *testing.T, rootfs string) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "tiny.c")
	const text = `void begin(long *stack) {
	if (*stack == 1)
#if defined(__x86_64__)
		__asm__ volatile("syscall" : : "a"(60), "D"(7));
#else
		__asm__ volatile("mov x8, 93; mov x0, 7; svc 0" : : : "x0", "x8");
#endif
	for (;;)
		__asm__ volatile("");
}
#if defined(__x86_64__)
__asm__(".globl _start; _start: mov %rsp, %rdi; call begin");
#else
__asm__(".globl _start; _start: mov x0, sp; bl begin");
#endif
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cc := exec.Command("gcc", "-static", "-nostdlib", "-fno-stack-protector", "-O1", "-o", filepath.Join(rootfs, "bin/tiny"), source)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func profile(otherwise, action string, calls ...string) *protocols.LinuxSeccomp {
	p := &protocols.LinuxSeccomp{DefaultAction: otherwise}
	if len(calls) > 0 {
		p.Syscalls = []*protocols.LinuxSyscall{{Names: calls, Action: action}}
	}
	return p
}

// withProfile makes a container with a profile. It does not start it.
func (p *pod) withProfile(cid string, noNewPrivs bool, profile *protocols.LinuxSeccomp, args ...string) error {
	spec := p.Spec(cid, p.Rootfs, args...)
	spec.Linux.Seccomp = profile
	spec.Process.NoNewPrivileges = noNewPrivs
	return p.Create(p.Ctx, cid, spec)
}

// TestSeccompAllowListOfTheProgram: a list that has the program's own calls and nothing else
// is enough, with no_new_privs and without.
func TestSeccompAllowListOfTheProgram(t *testing.T) {
	p := newPod(t, harness.Options{})
	tiny(t, p.Rootfs)
	for _, action := range []string{"SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"} {
		for _, noNewPrivs := range []bool{true, false} {
			t.Run(fmt.Sprint(action, noNewPrivs), func(t *testing.T) {
				p := p.in(t)
				p.Must(p.withProfile("c1", noNewPrivs, profile(action, "SCMP_ACT_ALLOW", "execve", "exit"), "/bin/tiny"))
				p.Must(p.StartContainer(p.Ctx, "c1"))
				p.WantExit("c1", "c1", 7)
				p.Delete("c1")
			})
		}
	}
}

// TestSeccompAllowListOfASession: as much for a session in a container whose own program
// needs no more than to wait.
func TestSeccompAllowListOfASession(t *testing.T) {
	p := newPod(t, harness.Options{})
	tiny(t, p.Rootfs)
	for _, noNewPrivs := range []bool{true, false} {
		// The program spins, which needs no call.
		p.Must(p.withProfile("c1", noNewPrivs, profile("SCMP_ACT_KILL", "SCMP_ACT_ALLOW", "execve", "exit"), "/bin/tiny", "spin"))
		p.Must(p.StartContainer(p.Ctx, "c1"))
		process := harness.Process("/bin/tiny")
		process.NoNewPrivileges = noNewPrivs
		p.Must(p.Exec(p.Ctx, "c1", "e1", process))
		p.WantExit("c1", "e1", 7)
		p.Delete("c1")
	}
}

// TestSeccompKill kills at a call that the container's preparation makes, or at the execve
// itself. Neither creation nor start nor wait hangs; only the program feels its filter.
func TestSeccompKill(t *testing.T) {
	p := newPod(t, harness.Options{})
	tiny(t, p.Rootfs)
	for call, want := range map[string]int32{
		"openat": 0, "close": 0, "futex": 0, "epoll_pwait": 0, "read": 0, "sendmsg": 0, "recvmsg": 0, "clone": 0,
		"setgroups": 0, "setresuid": 0, "capset": 0, "fcntl": 0, "close_range": 0, "rt_sigprocmask": 0, "tgkill": 0,
		"execve": killedBySeccomp, "exit_group": killedBySeccomp,
	} {
		for _, noNewPrivs := range []bool{true, false} {
			t.Run(fmt.Sprint(call, noNewPrivs), func(t *testing.T) {
				p := p.in(t)
				p.Must(p.withProfile("c1", noNewPrivs, profile("SCMP_ACT_ALLOW", "SCMP_ACT_KILL", call), "/bin/tiny"))
				p.Must(p.StartContainer(p.Ctx, "c1"))
				want := want
				if call == "exit_group" || want == 0 {
					want = 7 // it exits by exit
				}
				p.WantExit("c1", "c1", want)
				p.Delete("c1")
			})
		}
	}
}

// TestSeccompErrorsSaySeccomp: what the container's own filter refuses is not put down to
// anything else.
func TestSeccompErrorsSaySeccomp(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Must(p.withProfile("c1", true, profile("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "execve"), "sleep", "1"))
	harness.Refused(t, p.StartContainer(p.Ctx, "c1"), codes.Internal, `"c1"`, "seccomp", "execve")
	p.Delete("c1")
	err := p.withProfile("c2", true, profile("SCMP_ACT_ALLOW", "SCMP_ACT_NOTIFY", "execve"), "sleep", "1")
	harness.Refused(t, err, codes.Internal, `"c2"`, "seccomp", "listener")
}

// TestSeccompTrapLeavesNoDump: a trap in what prepares the container would make a Go program
// write the stacks of its goroutines to the container's standard error.
func TestSeccompTrapLeavesNoDump(t *testing.T) {
	p := newPod(t, harness.Options{})
	tiny(t, p.Rootfs)
	for _, noNewPrivs := range []bool{true, false} {
		p.Must(p.withProfile("c1", noNewPrivs, profile("SCMP_ACT_TRAP", "SCMP_ACT_ALLOW", "execve", "exit_group"), "/bin/tiny"))
		p.Must(p.StartContainer(p.Ctx, "c1"))
		p.WantExit("c1", "c1", killedBySeccomp)
		if b, err := p.ReadStderr(p.Ctx, "c1", "c1", 1<<16); err == nil && len(b) > 0 {
			t.Errorf("standard error of the container: %.300q", b)
		}
		p.Delete("c1")
	}
}

// cgroupFile reads a file of a container's cgroup on either version.
func (p *pod) cgroupFile(t *testing.T, cid, controller, v1, v2 string) string {
	t.Helper()
	for _, path := range []string{
		filepath.Join("/sys/fs/cgroup", controller, p.Cgroup, cid, v1),
		filepath.Join("/sys/fs/cgroup", p.Cgroup, cid, v2),
	} {
		if b, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(b))
		}
	}
	t.Fatalf("container %s has neither %s nor %s", cid, v1, v2)
	return ""
}

// TestLowLimits: limits of the spec are the program's. What prepares it is not hit.
func TestLowLimits(t *testing.T) {
	p := newPod(t, harness.Options{})
	for name, limit := range map[string]*protocols.POSIXRlimit{
		"-n": {Type: "RLIMIT_NOFILE", Hard: 16, Soft: 8}, "-v": {Type: "RLIMIT_AS", Hard: 32 << 20, Soft: 16 << 20},
		"-d": {Type: "RLIMIT_DATA", Hard: 32 << 20, Soft: 16 << 20}, "-u": {Type: "RLIMIT_NPROC", Hard: 2, Soft: 1},
		"-f": {Type: "RLIMIT_FSIZE", Hard: 1024, Soft: 512}, "-t": {Type: "RLIMIT_CPU", Hard: 2, Soft: 1},
	} {
		t.Run(limit.Type, func(t *testing.T) {
			p := p.in(t)
			spec := p.Spec("c1", p.Rootfs, "sh", "-c", "ulimit -S "+name+"; ulimit -H "+name)
			spec.Process.Rlimits = []*protocols.POSIXRlimit{limit}
			p.Must(p.Create(p.Ctx, "c1", spec))
			p.Must(p.StartContainer(p.Ctx, "c1"))
			unit := map[string]uint64{"-v": 1024, "-d": 1024, "-f": 512}[name]
			if unit == 0 {
				unit = 1
			}
			want := fmt.Sprintf("%d\n%d\n", limit.Soft/unit, limit.Hard/unit)
			if got, err := p.ReadAll(p.Ctx, "c1", "c1"); err != nil || string(got) != want {
				t.Errorf("ulimit says %q, %v, want %q", got, err, want)
			}
			p.WantExit("c1", "c1", 0)
			p.Delete("c1")
		})
	}
}

// TestRelativeWorkingDirectory: a relative cwd begins at the root, with a last stage, without
// one, and for sessions.
func TestRelativeWorkingDirectory(t *testing.T) {
	p := newPod(t, harness.Options{})
	for _, files := range []uint64{16, 1024} { // with a last stage, and without
		t.Run(fmt.Sprint(files, " descriptors"), func(t *testing.T) {
			p := p.in(t)
			spec := p.Spec("c1", p.Rootfs, "sh", "-c", "pwd; exec sleep 1000")
			spec.Process.Cwd = "tmp"
			spec.Process.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: files, Soft: files}}
			p.Must(p.Create(p.Ctx, "c1", spec))
			p.Must(p.StartContainer(p.Ctx, "c1"))
			if got, err := p.ReadStdout(p.Ctx, "c1", "c1", 100); err != nil || string(got) != "/tmp\n" {
				t.Errorf("the program is in %q, %v, want /tmp", got, err)
			}
			session := harness.Process("pwd")
			session.Cwd = "tmp"
			p.Must(p.Exec(p.Ctx, "c1", "e1", session))
			if got, err := p.ReadAll(p.Ctx, "c1", "e1"); err != nil || string(got) != "/tmp\n" {
				t.Errorf("a session is in %q, %v, want /tmp", got, err)
			}
			p.WantExit("c1", "e1", 0)
			p.Delete("c1")
		})
	}
}

// TestSmallShareOfCPU: a quota of 10m, 1 ms in 100, is the program's. The preparation takes
// some 20 ms of CPU, which would be two seconds.
func TestSmallShareOfCPU(t *testing.T) {
	p := newPod(t, harness.Options{})
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	spec.Linux.Resources.CPU = &protocols.LinuxCPU{Quota: 1000, Period: 100000}
	p.Must(p.Create(p.Ctx, "c1", spec))
	stat := p.cgroupFile(t, "c1", "cpu", "cpu.stat", "cpu.stat")
	if !strings.Contains(stat, "nr_throttled 0") {
		t.Errorf("the preparation was throttled: %q", stat)
	}
	if got := p.cgroupFile(t, "c1", "cpu", "cpu.cfs_quota_us", "cpu.max"); got != "1000" && got != "1000 100000" {
		t.Errorf("quota of the created container: %s", got)
	}
	p.Must(p.StartContainer(p.Ctx, "c1"))
	p.Delete("c1")
}

// TestSessionAtAPidsLimitOfTwo: a start is answered when the program runs, so nothing but
// it counts for the limit.
func TestSessionAtAPidsLimitOfTwo(t *testing.T) {
	p := newPod(t, harness.Options{})
	for range 10 {
		spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
		spec.Linux.Resources.Pids = &protocols.LinuxPids{Limit: 2}
		p.Must(p.Create(p.Ctx, "c1", spec))
		p.Must(p.StartContainer(p.Ctx, "c1"))
		p.Output("c1", "e1", "true")
		p.Delete("c1")
	}
}

// TestSmallMemoryLimit: the program has its limit to itself. libcontainer's init, which takes
// megabytes, has gone when the limit is set. What the kernel charges for the mounts of a
// container is half a megabyte, so 512 KiB are not always enough; the error says so then.
func TestSmallMemoryLimit(t *testing.T) {
	p := newPod(t, harness.Options{})
	tiny(t, p.Rootfs)
	for limit := int64(512 << 10); ; limit *= 2 {
		spec := p.Spec("c1", p.Rootfs, "/bin/tiny")
		spec.Linux.Resources.Memory = &protocols.LinuxMemory{Limit: limit}
		if err := p.Create(p.Ctx, "c1", spec); err != nil && limit < 1<<20 {
			harness.Refused(t, err, codes.Internal, `"c1"`, "memory limit", fmt.Sprint(limit))
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if got := p.cgroupFile(t, "c1", "memory", "memory.limit_in_bytes", "memory.max"); got != fmt.Sprint(limit) {
			t.Errorf("limit of the created container: %s, want %d", got, limit)
		}
		p.Must(p.StartContainer(p.Ctx, "c1"))
		p.WantExit("c1", "c1", 7)
		p.Delete("c1")
		return
	}
}

// TestCreatedContainerIsOneThread: while it waits for the start, a container that is limited
// is a single thread without Go, and not some megabytes of the agent.
func TestCreatedContainerIsOneThread(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Must(p.withProfile("c1", true, profile("SCMP_ACT_ALLOW", ""), "sleep", "10000"))
	pids := p.cgroupFile(t, "c1", "pids", "cgroup.procs", "cgroup.procs")
	status, err := os.ReadFile("/proc/" + pids + "/status")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(status), "\nThreads:\t1\n") {
		t.Errorf("the created container: %s", status)
	}
	p.Delete("c1")
}

// initPID is the one process of a container that has no others.
func (p *pod) initPID(t *testing.T, cid string) string {
	t.Helper()
	pid := p.cgroupFile(t, cid, "pids", "cgroup.procs", "cgroup.procs")
	if pid == "" || strings.Contains(pid, "\n") {
		t.Fatalf("processes of container %s: %q, want one", cid, pid)
	}
	return pid
}

// TestLastStageHoldsNothing: what waits for the start has its standard streams, its own end
// of a socket and of a pipe, and no environment but HOME. The program has the streams alone.
func TestLastStageHoldsNothing(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Must(p.withProfile("c1", true, profile("SCMP_ACT_ALLOW", ""), "sleep", "10000"))
	dir := "/proc/" + p.initPID(t, "c1")
	var entries []os.DirEntry
	p.Until("it has five descriptors", func() bool { // the last of the others is closed after it has said that it stands
		var err error
		entries, err = os.ReadDir(dir + "/fd")
		return err == nil && len(entries) <= 5
	})
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(dir, "fd", e.Name()))
		kind, _, _ := strings.Cut(to, ":")
		if want := map[string]string{"3": "socket"}[e.Name()]; err != nil || kind != "pipe" && kind != want && to != "/dev/null" {
			t.Errorf("descriptor %s: %s, %v", e.Name(), to, err)
		}
	}
	if env, err := os.ReadFile(dir + "/environ"); err != nil || len(env) > 0 && string(env) != "HOME=/\x00" {
		t.Errorf("environment %q, %v, want none, or HOME alone", env, err)
	}
	p.Must(p.StartContainer(p.Ctx, "c1"))
	p.Until("the program has three descriptors", func() bool {
		entries, err := os.ReadDir(dir + "/fd")
		return err == nil && len(entries) == 3
	})
	p.Delete("c1")
}

// TestLastStageIsOutOfReach looks at it as root of a container in the same pid namespace
// would: by the capabilities of one. The program it may look at, the last stage not.
func TestLastStageIsOutOfReach(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Must(p.withProfile("c1", true, profile("SCMP_ACT_ALLOW", ""), "sleep", "10000"))
	dir := "/proc/" + p.initPID(t, "c1")
	caps := "-all"
	for _, c := range harness.Capabilities {
		caps += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	look := func(file string) error {
		out, err := exec.Command("setpriv", "--bounding-set", caps, "--inh-caps", "-all", "readlink", dir+file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	for _, file := range []string{"/exe", "/cwd", "/root", "/fd/3"} {
		if look(file) == nil {
			t.Errorf("%s of the last stage can be followed", file)
		}
	}
	p.Must(p.StartContainer(p.Ctx, "c1"))
	if err := look("/exe"); err != nil {
		t.Errorf("the program cannot be looked at, so this shows nothing: %v", err)
	}
	p.Delete("c1")
}
