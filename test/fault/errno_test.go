// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/test/fault/inject"
	"github.com/kata-containers/kata-agent/test/harness"
)

// exhaustive has each call fail, and not only the first of those that are made on the same thing.
var exhaustive = os.Getenv("KATA_FAULT_FULL") != ""

// failing is a group of system calls with the error that each of them gives. One agent is watched for those
// of a group: each of their calls takes a detour through the test, so those that are made often are apart.
type failing struct {
	name  string
	calls map[string]unix.Errno
	// step is 1 where each point is tried, more where, unless the test is exhaustive, only some of them are.
	step int
}

var groups = []failing{
	{"processes", map[string]unix.Errno{
		"clone": unix.EAGAIN, "execve": unix.ENOMEM, "pipe2": unix.EMFILE, "socketpair": unix.EMFILE, "socket": unix.EMFILE,
		"pidfd_open": unix.EMFILE, "setns": unix.ENOMEM, "unshare": unix.ENOSPC, "capset": unix.EPERM, "prlimit64": unix.EPERM,
		"setresuid": unix.EAGAIN, "setgroups": unix.ENOMEM, "seccomp": unix.ENOMEM, "chdir": unix.ENOMEM, "bind": unix.ENOBUFS,
	}, 1},
	{"files", map[string]unix.Errno{
		"mount": unix.ENOMEM, "umount2": unix.ENOMEM, "fsopen": unix.ENOMEM, "fsconfig": unix.ENOMEM, "fsmount": unix.ENOSPC,
		"move_mount": unix.ENOSPC, "open_tree": unix.ENOSPC, "pivot_root": unix.ENOMEM, "mkdirat": unix.ENOSPC, "mknodat": unix.ENOSPC,
		"unlinkat": unix.EIO, "renameat": unix.ENOSPC, "symlinkat": unix.ENOSPC, "fchownat": unix.EDQUOT, "fchmodat": unix.EIO,
		"ftruncate": unix.ENOSPC,
	}, 1},
	{"events", map[string]unix.Errno{
		"epoll_create1": unix.EMFILE, "eventfd2": unix.EMFILE, "inotify": unix.ENOSPC, "timerfd": unix.EMFILE, "sendmsg": unix.ENOBUFS,
		"recvmsg": unix.ENOMEM, "sendto": unix.ENOBUFS, "dup3": unix.EMFILE, "ioctl": unix.ENOMEM, "statfs": unix.EIO,
		"getdents64": unix.EIO, "readlinkat": unix.ENOMEM, "epoll_ctl": unix.ENOSPC,
	}, 2},
	{"openat", map[string]unix.Errno{"openat": unix.EMFILE}, 5},
	{"read and write", map[string]unix.Errno{"read": unix.EIO, "write": unix.ENOSPC}, 3},
	{"fcntl", map[string]unix.Errno{"fcntl": unix.EMFILE}, 5},
	{"stat", map[string]unix.Errno{"stat": unix.ENOMEM}, 7},
}

// TestErrnoAtEachCall lets one system call after the other fail in each scenario: whatever fails,
// there is no difference afterwards, and the same ids work again. What a scenario does as one before
// it is tried in that one only, unless the test is exhaustive.
func TestErrnoAtEachCall(t *testing.T) {
	tried := &points{seen: map[string]bool{}}
	for _, s := range scenarios() {
		for _, g := range groups {
			t.Run(s.name+", "+g.name, func(t *testing.T) { errnoAtEach(t, s, g, tried) })
		}
	}
}

// points are those that were tried.
type points struct {
	seen  map[string]bool
	count int
}

// wanted tells whether a point is to be tried.
func (p *points) wanted(whose inject.Target, at inject.Point, g failing) bool {
	if exhaustive {
		return true
	}
	key := fmt.Sprint(whose, at)
	if p.seen[key] {
		return false
	}
	p.seen[key] = true
	p.count++
	return p.count%g.step == 0
}

func errnoAtEach(t *testing.T, s scenario, g failing, tried *points) {
	r := &runner{t: t, s: s}
	in := r.injected(g)
	for _, whose := range []inject.Target{inject.Agent, inject.Stages, inject.Helper} {
		if s.once && whose != inject.Agent {
			break // it starts no container
		}
		in.Watch(r.p.Pid, whose)
		r.must("run that is watched", s.run)
		for _, at := range in.Seen(exhaustive) {
			if !tried.wanted(whose, at, g) {
				continue
			}
			in = r.renew(in, g)
			in.Arm(r.p.Pid, whose, at, g.calls[at.Call])
			err := r.once(s.run)
			if hit := in.Disarm(); hit != "" {
				r.check(hit, err)
			}
		}
	}
	t.Logf("%d faults", r.faults)
}

// injected starts an agent whose calls can fail.
func (r *runner) injected(g failing) *inject.Injector {
	r.t.Helper()
	in := inject.New(r.t, slices.Collect(maps.Keys(g.calls))...)
	o := r.s.options
	o.Wrap = in.Wrap()
	r.start(o)
	return in
}

// renew gives another agent where a scenario cannot be repeated.
func (r *runner) renew(in *inject.Injector, g failing) *inject.Injector {
	if r.s.once {
		return r.injected(g)
	}
	return in
}

// runner runs a scenario, on one agent if it can be repeated.
type runner struct {
	t      *testing.T
	s      scenario
	p      *harness.Pod
	before harness.Whole

	faults, failures int
}

// start starts an agent, and remembers what there is when the scenario has been run.
func (r *runner) start(o harness.Options) {
	r.t.Helper()
	r.p = harness.OnAgent(r.t, harness.Start(r.t, o))
	r.s.start(r.p)
	if !r.s.once {
		r.must("run without a fault", r.s.run)
	}
	r.before = r.whole()
}

func (r *runner) once(do func(context.Context, *harness.Pod) error) error {
	ctx, cancel := context.WithTimeout(r.p.Ctx, lifeTimeout)
	defer cancel()
	return do(ctx, r.p)
}

func (r *runner) must(what string, do func(context.Context, *harness.Pod) error) {
	r.t.Helper()
	if err := r.once(do); err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
}

func (r *runner) whole() harness.Whole {
	r.t.Helper()
	r.p.Until("only those of the scenario are left", func() bool { return len(r.p.Children()) == r.s.children })
	w, err := r.p.Whole()
	r.p.Must(err)
	return w
}

// enough failures have been told when there are so many.
const enough = 10

// check looks what a run with a fault has left, and runs it without one.
func (r *runner) check(fault string, err error) {
	r.t.Helper()
	failed := false
	fail := func(what string, args ...any) {
		r.t.Helper()
		failed = true
		r.t.Errorf("after %s (%v): %s", fault, err, fmt.Sprintf(what, args...))
	}
	r.faults++
	if r.s.once && err == nil {
		return // it is another agent's turn
	}
	if err != nil && strings.Contains(err.Error(), "already exists") {
		fail("the id is taken")
	}
	if err := r.once(r.s.clean); err != nil {
		fail("removal afterwards: %v", err)
	}
	for _, d := range r.p.SameAs(r.t, r.before) {
		fail("%s", d)
	}
	if err := r.once(r.s.run); err != nil {
		fail("the same again: %v", err)
		r.t.FailNow()
	}
	if !failed {
		r.t.Logf("%s: %v", fault, err)
		return
	}
	if r.failures++; r.failures == enough {
		r.t.FailNow()
	}
	r.before = r.whole() // of this fault enough is told
}
