// SPDX-License-Identifier: Apache-2.0

package nsexec_test

import (
	"bufio"
	"context"
	"errors"
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

	"github.com/kata-containers/kata-agent/guest/cgroup"
	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// heldUp checks that a request that cannot go on holds up no other one, that its
// deadline is kept, and that release lets it die.
func heldUp(t *testing.T, h *nsexec.Helper, stuck, other *nsexec.Request, release func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	result := make(chan error, 1)
	go func() {
		p, err := h.Spawn(ctx, stuck)
		if err == nil {
			wait(t, p)
		}
		result <- err
	}()
	for range 20 {
		if out, err := run(t, h, other); err != nil || out == "" {
			t.Fatal(out, err)
		}
	}
	select {
	case err := <-result:
		t.Fatalf("was not held up: %v", err)
	default:
	}
	gone := errors.New("the caller has gone away")
	cancel(gone)
	if err := guard.Receive(t, "the caller's end ends the call", result); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
	release()
	// That it is reaped then, newHelper checks.
}

// freeze freezes the container as the agent does. libcontainer gives up where the container's program is just
// being executed.
func (c *container) freeze(t *testing.T) (thaw func()) {
	t.Helper()
	dir, v1 := c.paths["freezer"]
	if !v1 {
		dir = c.paths[""]
	}
	f := cgroup.Freezer{Dir: dir, Unified: !v1}
	if err := f.Freeze(guard.Context(t)); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := f.Thaw(); err != nil {
			t.Error(err)
		}
	}
}

func TestFrozenContainer(t *testing.T) {
	frozen, running := newContainer(t, variant{}), newContainer(t, variant{})
	h := newHelper(t)
	heldUp(t, h, frozen.request("true"), running.request("echo", "hi"), frozen.freeze(t))
	if out, err := run(t, h, frozen.request("echo", "hi")); out != "hi\n" {
		t.Error(out, err)
	}
}

func TestStartCompletesWhenThawed(t *testing.T) {
	c := newContainer(t, variant{})
	h := newHelper(t)
	thaw := c.freeze(t)
	out := make(chan string, 1)
	go func() {
		text, err := run(t, h, c.request("echo", "hi"))
		out <- fmt.Sprint(text, err)
	}()
	guard.Until(t, "the process is in the frozen cgroup", func() bool {
		pids, _ := os.ReadFile(filepath.Join(c.paths["freezer"], "cgroup.procs"))
		return strings.Count(string(pids), "\n") == 2
	})
	thaw()
	if got := <-out; got != "hi\n<nil>" {
		t.Error(got)
	}
}

// unified makes a cgroup of the second version, which may have no controllers here.
func unified(t *testing.T) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(root + "/cgroup.controllers"); err != nil {
			continue
		}
		dir := filepath.Join(root, fmt.Sprintf("spawn-%d", os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() {
			guard.Until(t, "the cgroup is removed", func() bool { return os.Remove(dir) == nil })
		})
		return dir
	}
	t.Skip("no cgroup v2")
	return ""
}

func TestCgroup2(t *testing.T) {
	c, dir := newContainer(t, variant{}), unified(t)
	h := newHelper(t)
	target, err := nsexec.OpenTarget(c.pid, map[string]string{"": dir})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	r := c.request("sh", "-c", "cat /proc/self/cgroup | grep ^0:")
	r.Target = target
	// The path is seen from the container's cgroup namespace.
	if out, err := run(t, h, r); !strings.Contains(out, filepath.Base(dir)) {
		t.Errorf("%q %v", out, err)
	}
	if err := os.WriteFile(dir+"/cgroup.freeze", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	heldUp(t, h, r, c.request("echo", "hi"), func() {
		os.WriteFile(dir+"/cgroup.freeze", []byte("0"), 0)
	})
}

// A cgroup that takes no processes: the container's init shows where they go instead.
func TestCgroupThatRefuses(t *testing.T) {
	c, dir := newContainer(t, variant{}), unified(t)
	h := newHelper(t)
	// Beside a threaded cgroup there can be no processes (EOPNOTSUPP).
	for _, name := range []string{"threads", "refuses", "gone"} {
		os.Mkdir(filepath.Join(dir, name), 0o755)
	}
	t.Cleanup(func() {
		for _, name := range []string{"threads", "refuses"} {
			guard.Until(t, "the cgroup is removed", func() bool {
				err := os.Remove(filepath.Join(dir, name))
				return err == nil || errors.Is(err, os.ErrNotExist)
			})
		}
	})
	cgroup := func(r *nsexec.Request) string {
		t.Helper()
		r.Args = []string{"sh", "-c", "grep ^0: /proc/self/cgroup"}
		out, err := run(t, h, r)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	at := func(name string) *nsexec.Request {
		t.Helper()
		target, err := nsexec.OpenTarget(c.pid, map[string]string{"": filepath.Join(dir, name)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { target.Close() })
		r := c.request()
		r.Target = target
		return r
	}
	own := cgroup(c.request())
	gone := at("gone")
	os.Remove(dir + "/gone")
	if got := cgroup(gone); got != own {
		t.Errorf("removed cgroup: %s, want %s", got, own)
	}
	if err := os.WriteFile(dir+"/threads/cgroup.type", []byte("threaded"), 0); err != nil {
		t.Fatal(err)
	}
	if got := cgroup(at("refuses")); got != own {
		t.Errorf("refusing cgroup: %s, want %s", got, own)
	}
}

func TestHelperIsReplaced(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	for range 5 {
		old := h.Pid()
		unix.Kill(old, unix.SIGKILL)
		if out, err := run(t, h, c.request("echo", "hi")); out != "hi\n" && !errors.Is(err, nsexec.ErrHelperDied) {
			t.Fatal(out, err)
		}
		guard.Until(t, "there is another helper", func() bool {
			run(t, h, c.request("true"))
			return h.Pid() != 0 && h.Pid() != old
		})
	}
}

// No process may be lost when helpers die: an unreaped one would keep the container's pid
// namespace, and so its init, from ending.
func TestHelperDiesUnderLoad(t *testing.T) {
	c, h := newContainer(t, variant{}), startHelper(t)
	var wg sync.WaitGroup
	ctx, stop := guard.Context(t), make(chan struct{})
	started, failed := make(chan int, 16), make(chan int, 16)
	for range 16 {
		wg.Go(func() {
			good, bad := 0, 0
			defer func() { started <- good; failed <- bad }()
			for last := false; !last; {
				select {
				case <-stop: // no helper is killed any more, and the next one starts what it is asked for
					last = good > 0 || ctx.Err() != nil
				default:
				}
				out, err := run(t, h, c.request("echo", "hi"))
				switch {
				case err == nil && out == "hi\n":
					good++
				case errors.Is(err, nsexec.ErrHelperDied):
					bad++
				default:
					t.Errorf("%q %v", out, err)
				}
			}
		})
	}
	for range 20 {
		time.Sleep(5 * time.Millisecond) // clock: some requests come between, that any do is checked
		if pid := h.Pid(); pid != 0 {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
	close(stop)
	wg.Wait()
	good, bad := 0, 0
	for range 16 {
		good, bad = good+<-started, bad+<-failed
	}
	t.Logf("%d started, %d failed", good, bad)
	if good == 0 {
		t.Error("none started")
	}
}

// A helper that does not run answers nothing; a request it comes to too late must leave
// no process.
func TestStoppedHelper(t *testing.T) {
	c := newContainer(t, variant{})
	h := newHelper(t)
	run(t, h, c.request("true"))
	unix.Kill(h.Pid(), unix.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // clock: nothing answers before
	defer cancel()
	var wg sync.WaitGroup
	for range 300 { // more than the socket holds
		wg.Go(func() {
			r := c.request("sleep", "100000", strings.Repeat("x", 4000))
			if _, err := h.Spawn(ctx, r); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
			}
		})
	}
	wg.Wait()
	unix.Kill(h.Pid(), unix.SIGCONT)
	if out, err := run(t, h, c.request("echo", "hi")); out != "hi\n" {
		t.Error(out, err)
	}
}

func TestCloseOfAStoppedHelper(t *testing.T) {
	h := newHelper(t)
	unix.Kill(h.Pid(), unix.SIGSTOP)
	h.Close()
	if _, err := h.Spawn(t.Context(), &nsexec.Request{Args: []string{"x"}, Target: &nsexec.Target{}}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want %v", err, os.ErrClosed)
	}
}

// runAgent is the agent of TestHelperDiesWithTheAgent.
func runAgent() {
	h, err := nsexec.Start(os.TempDir())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(h.Pid())
	select {}
}

func TestHelperDiesWithTheAgent(t *testing.T) {
	guesttest.NeedRoot(t, "to start containers")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "SPAWN_TEST=agent")
	// Not of this process group: what ends it must be the loss of its agent.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("%q", line)
	}
	guard.Until(t, "the helper has ended", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ") || !strings.Contains(string(stat), "kata-spawner")
	})
}
