// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
)

// Options of a test's agent.
type Options struct {
	Config string   // content of a TOML file; "" is none
	Env    []string // more environment
	Args   []string // more arguments
	Binary string   // "" is the one that Build makes
	Wrap   []string // command that becomes the agent
	// Cmdline is what the agent sees as the kernel's command line; "" is that of the machine.
	Cmdline string
	// Policy is the policy of the image; "" is none.
	Policy string
	// Disk is the content of a disk that the agent finds at its start; "" is none.
	Disk string
	// Address is where the agent listens; "" is a socket of the test's own.
	Address string
	// Components is a directory with guest components, as the agent's /usr/local/bin; "" is the machine's.
	Components string
	// Network gives the agent a network namespace of its own.
	Network bool
	// Panics are to be expected in the log.
	Panics bool
	// KeepLog prints the agent's log even for a test that passes.
	KeepLog bool
}

// Agent is an agent under test.
type Agent struct {
	*Client
	Address string // unix://...
	Pid     int    // of the agent
	// Cgroup is where the test's containers go, below each controller.
	Cgroup string

	tb     testing.TB
	panics bool
	cmd    *exec.Cmd
	log    *logBuffer
	dir    string
	done   chan struct{} // closed when the agent has exited
	// helper is the pid of the child that starts sessions for it.
	helper string
}

// isolate gives the agent a mount namespace in which /run is empty, so that the fixed
// paths of Kata (/run/kata-containers and others) are its own.
// CMDLINE, unless empty, is a file to stand for the kernel's command line; ETC and DEV are
// directories whose content is laid over /etc and /dev, COMPONENTS takes the place of /usr/local/bin.
const isolate = `mount --make-rprivate / && mount -t tmpfs tmpfs /run || exit
if [ -n "$ETC" ]; then mount -t overlay -o "lowerdir=$ETC:/etc" etc /etc || exit; fi
if [ -n "$DEV" ]; then
	mkdir /run/dev && mount --rbind /dev /run/dev && mount -t overlay -o "lowerdir=$DEV:/dev" dev /dev || exit
	for d in pts shm mqueue; do [ -d /run/dev/$d ] && mount --rbind /run/dev/$d /dev/$d; done
fi
if [ -n "$COMPONENTS" ]; then mount --bind "$COMPONENTS" /usr/local/bin || exit; fi
if [ -n "$CMDLINE" ]; then mount --bind "$CMDLINE" /proc/cmdline || exit; fi
unset CMDLINE ETC DEV COMPONENTS
exec "$@"`

// Start runs an agent and connects a client. It ends with the test.
func Start(tb testing.TB, o Options) *Agent {
	tb.Helper()
	a := launch(tb, o)
	tb.Cleanup(func() { a.stop(o.KeepLog) })
	a.connect()
	return a
}

// WantNoStart runs an agent that has to refuse to start and returns what it says.
func WantNoStart(tb testing.TB, o Options) (log string) {
	tb.Helper()
	a := launch(tb, o)
	if status := a.WaitExit(); status == 0 {
		tb.Errorf("the agent has ended with status 0, want another")
	}
	return a.Log()
}

// launch runs an agent.
func launch(tb testing.TB, o Options) *Agent {
	tb.Helper()
	Root(tb)
	if o.Binary == "" {
		o.Binary = Build(tb)
	}
	dir := shortDir(tb)
	a := &Agent{
		tb: tb, panics: o.Panics, dir: dir, log: &logBuffer{}, done: make(chan struct{}),
		Address: "unix://" + filepath.Join(dir, "agent.sock"),
		Cgroup:  fmt.Sprintf("/kata-test-%d-%s", os.Getpid(), filepath.Base(dir)),
	}
	if o.Address != "" {
		a.Address = o.Address
	}
	args := append([]string{"-m", "sh", "-c", isolate, "sh"}, o.Wrap...)
	args = append(append(args, o.Binary), o.Args...)
	if o.Network {
		args = append([]string{"-n"}, args...)
	}
	if o.Config != "" {
		args = append(args, "--config", write(tb, dir, "agent.toml", o.Config))
	}
	a.cmd = exec.Command("unshare", args...)
	// A data race ends the agent with a status of its own, and without the pause of a second.
	env := []string{"KATA_AGENT_SERVER_ADDR=" + a.Address, "GORACE=exitcode=66 atexit_sleep_ms=0"}
	if o.Cmdline != "" {
		env = append(env, "CMDLINE="+write(tb, dir, "cmdline", o.Cmdline))
	}
	if o.Policy != "" {
		env = append(env, "ETC="+layer(tb, dir, "etc", "kata-opa/default-policy.rego", o.Policy))
	}
	if o.Components != "" {
		env = append(env, "COMPONENTS="+o.Components)
	}
	if o.Disk != "" {
		env = append(env, "DEV="+layer(tb, dir, "dev", "vdz", o.Disk))
	}
	a.cmd.Env = append(append(os.Environ(), env...), o.Env...)
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	a.cmd.WaitDelay = 5 * time.Second
	if err := a.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	a.Pid = a.cmd.Process.Pid // unshare, sh and the agent exec one another
	go func() { _ = a.cmd.Wait(); close(a.done) }()
	return a
}

// layer makes a directory with one file, to be laid over one of the machine's.
func layer(tb testing.TB, dir, name, file, content string) string {
	tb.Helper()
	top := filepath.Join(dir, name)
	path := filepath.Join(top, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		tb.Fatal(err)
	}
	return top
}

func (a *Agent) connect() {
	a.tb.Helper()
	guard.Until(a.tb, "the agent listens", func() bool {
		c, err := Dial(a.Address)
		if err == nil {
			a.Client = c
			a.findHelper()
			return true
		}
		select {
		case <-a.done:
			a.tb.Fatalf("the agent has ended: %v\n%s", a.cmd.ProcessState, a.log)
		default:
		}
		return false
	})
}

// stop ends the agent: orderly by DestroySandbox, else by force.
func (a *Agent) stop(keepLog bool) {
	if a.Client != nil {
		ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
		_ = a.Client.DestroySandbox(ctx)
		cancel()
		a.Client.Close()
	}
	select {
	case <-a.done:
	case <-time.After(guard.Hang):
		a.tb.Errorf("the agent does not end after DestroySandbox")
		a.Dump()
	}
	if complaint := a.complaint(); complaint != "" {
		a.tb.Errorf("the agent has met a %s", complaint)
	}
	if a.tb.Failed() || keepLog {
		a.tb.Logf("log of the agent:\n%s", a.log)
	}
	removeCgroups(a.tb, a.Cgroup)
}

// Dump ends the agent with the stacks of its goroutines in the log.
func (a *Agent) Dump() {
	_ = a.cmd.Process.Signal(syscall.SIGABRT)
	select {
	case <-a.done:
	case <-time.After(guard.Hang):
		_ = a.cmd.Process.Kill()
		<-a.done
	}
}

// complaint is what no agent may ever log.
func (a *Agent) complaint() string {
	log := a.Log()
	for _, c := range []string{"DATA RACE", "panic", "fatal error", "concurrent map"} {
		if strings.Contains(log, c) && !(c == "panic" && a.panics) {
			return c
		}
	}
	return ""
}

// WaitExit returns the agent's exit status.
func (a *Agent) WaitExit() int {
	a.tb.Helper()
	select {
	case <-a.done:
		return a.cmd.ProcessState.ExitCode()
	case <-time.After(guard.Hang):
		a.Kill()
		a.tb.Fatalf("the agent does not end\n%s", a.log)
		return -1
	}
}

// Kill ends the agent at once, as a crash would.
func (a *Agent) Kill() {
	_ = a.cmd.Process.Kill()
	<-a.done
}

// Log is what the agent has logged so far.
func (a *Agent) Log() string { return a.log.String() }

// Path is a path in the agent's mount namespace, as the test can open it.
func (a *Agent) Path(p string) string {
	return fmt.Sprintf("/proc/%d/root%s", a.Pid, p)
}

// Mount binds source, a path of the test, to a directory in the agent's mount namespace.
func (a *Agent) Mount(tb testing.TB, source, dir string) {
	tb.Helper()
	a.Command(tb, "/bin/busybox", "mount", "-o", "bind", source, dir)
}

// Unmount undoes Mount.
func (a *Agent) Unmount(tb testing.TB, dir string) {
	tb.Helper()
	a.Command(tb, "/bin/busybox", "umount", "-l", dir)
}

// Command runs a program in the agent's mount and network namespaces.
func (a *Agent) Command(tb testing.TB, args ...string) string {
	tb.Helper()
	args = append([]string{"-t", strconv.Itoa(a.Pid), "-m", "-n", "--"}, args...)
	out, err := exec.Command("nsenter", args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%q: %v: %s", args, err, out)
	}
	return string(out)
}

// shortDir is a temporary directory whose name leaves room for a socket's path, which
// has 107 bytes at most.
func shortDir(tb testing.TB) string {
	dir, err := os.MkdirTemp("", "ka")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

func write(tb testing.TB, dir, name, content string) string {
	tb.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// Root skips a test that needs to be root and is not.
func Root(tb testing.TB) {
	if os.Geteuid() != 0 {
		tb.Skip("needs root")
	}
}

// logBuffer collects output of several writers.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// whole is what has been written without a line that is still being written.
func (b *logBuffer) whole() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.buf.String()
	return text[:strings.LastIndexByte(text, '\n')+1]
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.buf.String())
}
