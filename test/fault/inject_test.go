// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/fault/inject"
	"github.com/kata-containers/kata-agent/test/harness"
)

// lifeTimeout guards one life of a container against a hang.
const lifeTimeout = 90 * time.Second

// life is a container's whole life, with a volume and two sessions, one of them on a
// terminal. It goes on after what fails, as hosts do when they clean up.
func life(p *harness.Pod) (err error) { return lifeOf(p, func(*protocols.Spec) {}) }

// lowLimits has the container's init go on to a last stage.
func lowLimits(s *protocols.Spec) {
	s.Process.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 32, Soft: 32}}
	s.Linux.Resources.CPU = &protocols.LinuxCPU{Quota: 50_000, Period: 100_000}
	s.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
}

func lifeOf(p *harness.Pod, change func(*protocols.Spec)) (err error) {
	ctx, cancel := context.WithTimeout(p.Ctx, lifeTimeout)
	defer cancel()
	volume := "/run/kata-containers/sandbox/ephemeral/v"
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	change(spec)
	err = p.Do(ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: "c1", OCI: spec,
		Storages: []*protocols.Storage{{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: volume}},
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	err = p.StartContainer(ctx, "c1")
	_, _, e1 := p.Client.Run(ctx, "c1", "e1", "true")
	tty := harness.Process("true")
	tty.Terminal = true
	e2 := p.Exec(ctx, "c1", "e2", tty)
	if e2 == nil {
		_, e2 = p.Wait(ctx, "c1", "e2")
	}
	return errors.Join(err, e1, e2, p.Remove(ctx, "c1"))
}

// cleanUp ends what a life has left, as a host does.
func cleanUp(p *harness.Pod) error {
	ctx, cancel := context.WithTimeout(p.Ctx, lifeTimeout)
	defer cancel()
	err := p.Remove(ctx, "c1")
	if err != nil && strings.Contains(err.Error(), "invalid container id") {
		return nil
	}
	return err
}

// TestErrnoAtEachCall lets one system call after the other fail in the life of a container:
// whatever fails, nothing is left that was not there before, and the id is free.
func TestErrnoAtEachCall(t *testing.T) {
	for _, c := range []struct {
		call  string
		errno unix.Errno
		step  int // 1: each call; more, where there are many, with KATA_FAULT_FULL unset
	}{
		{"clone", unix.EAGAIN, 1}, {"pipe2", unix.EMFILE, 1}, {"socketpair", unix.EMFILE, 1},
		{"mount", unix.ENOMEM, 1}, {"mkdirat", unix.ENOSPC, 1}, {"pidfd_open", unix.EMFILE, 1},
		{"epoll_ctl", unix.ENOSPC, 3}, {"fcntl", unix.EMFILE, 11}, {"openat", unix.EMFILE, 11},
	} {
		for whose, name := range map[inject.Target]string{inject.Agent: "agent", inject.Stages: "stages"} {
			t.Run(c.call+" of the "+name, func(t *testing.T) {
				if os.Getenv("KATA_FAULT_FULL") != "" {
					c.step = 1
				}
				each(t, c.call, whose, c.errno, c.step, life)
			})
		}
	}
}

// TestErrnoAtEachCallOfLowLimits is the same for what a container with low limits adds.
func TestErrnoAtEachCallOfLowLimits(t *testing.T) {
	for call, errno := range map[string]unix.Errno{
		"socketpair": unix.EMFILE, "pipe2": unix.EMFILE, "capset": unix.EPERM,
	} {
		for whose, name := range map[inject.Target]string{inject.Agent: "agent", inject.Stages: "stages"} {
			t.Run(call+" of the "+name, func(t *testing.T) {
				each(t, call, whose, errno, 1, func(p *harness.Pod) error { return lifeOf(p, lowLimits) })
			})
		}
	}
}

// each is TestErrnoAtEachCall for one call.
func each(t *testing.T, call string, whose inject.Target, errno unix.Errno, step int, life func(*harness.Pod) error) {
	in := inject.New(t, call)
	p := harness.NewPod(t, harness.Options{Wrap: in.Wrap()})
	p.Ctx = t.Context()
	p.Must(life(p))
	before := p.Warm()
	n := 1
	for ; ; n += step {
		in.Arm(p.Pid, whose, n, errno)
		err := life(p)
		hit := in.Disarm()
		if hit == "" {
			p.Must(err)
			break
		}
		if err != nil && strings.Contains(err.Error(), "already exists") {
			t.Errorf("%s: %v", hit, err)
		}
		if err := cleanUp(p); err != nil {
			t.Errorf("%s: removal afterwards: %v", hit, err)
		}
		p.NothingLeft(t, before)
		if t.Failed() {
			t.Fatalf("after %s: %v", hit, err)
		}
		t.Logf("%s: %v", hit, err)
	}
	t.Logf("%d calls in a life", n-1)
}

// limitFiles sets the agent's limit of descriptors and returns the former one.
func limitFiles(p *harness.Pod, limit uint64) (was uint64) {
	p.T.Helper()
	var l unix.Rlimit
	p.Must(unix.Prlimit(p.Pid, unix.RLIMIT_NOFILE, nil, &l))
	was, l.Cur = l.Cur, limit
	p.Must(unix.Prlimit(p.Pid, unix.RLIMIT_NOFILE, &l, nil))
	return was
}

// leaveFiles lets the agent open n files more than it has open, and no others. The limit is
// one of numbers.
func leaveFiles(p *harness.Pod, n int) (was uint64) {
	p.T.Helper()
	limit := uint64(0)
	for free := 0; free < n; limit++ {
		if _, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", p.Pid, limit)); err != nil {
			free++
		}
	}
	return limitFiles(p, limit)
}

// TestNoDescriptorLeft lets the life of a container end at one descriptor after the other.
// What could not be undone for want of one is undone when there are some again.
func TestNoDescriptorLeft(t *testing.T) {
	t.Run("plain", func(t *testing.T) { noDescriptorLeft(t, life) })
	t.Run("low limits", func(t *testing.T) {
		noDescriptorLeft(t, func(p *harness.Pod) error { return lifeOf(p, lowLimits) })
	})
}

func noDescriptorLeft(t *testing.T, life func(*harness.Pod) error) {
	p := harness.NewPod(t, harness.Options{})
	p.Ctx = t.Context()
	p.Must(life(p))
	before := p.Warm()
	n := 1
	for ; n < 200; n++ {
		was := leaveFiles(p, n)
		err := life(p)
		limitFiles(p, was)
		if err == nil {
			break
		}
		if err := cleanUp(p); err != nil {
			t.Errorf("with %d descriptors: removal afterwards: %v", n, err)
		}
		p.NothingLeft(t, before)
		if t.Failed() {
			t.Fatalf("with %d descriptors: %v", n, err)
		}
		t.Logf("with %d descriptors: %v", n, err)
	}
	t.Logf("a life needs %d descriptors", n)
	p.Must(life(p))
}

// TestNoProcessLeft lets the forks of a creation fail: the cgroup above the container may
// hold n processes and threads.
func TestNoProcessLeft(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	p.Ctx = t.Context()
	p.Must(life(p))
	before := p.Warm()
	limit := "/sys/fs/cgroup/pids" + p.Cgroup + "/pids.max"
	if _, err := os.Stat(limit); err != nil {
		t.Skip("needs the pids controller of cgroup v1")
	}
	n := 0
	for ; n < 40; n++ {
		p.Must(os.WriteFile(limit, []byte(fmt.Sprint(n)), 0))
		err := life(p)
		p.Must(os.WriteFile(limit, []byte("max"), 0))
		if err == nil {
			break
		}
		if err := cleanUp(p); err != nil {
			t.Errorf("with %d processes: removal afterwards: %v", n, err)
		}
		p.NothingLeft(t, before)
		if t.Failed() {
			t.Fatalf("with %d processes: %v", n, err)
		}
		t.Logf("with %d processes: %v", n, err)
	}
	t.Logf("a life needs %d processes", n)
	p.Must(life(p))
}
