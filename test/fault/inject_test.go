// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// lifeTimeout guards one life of a container against a hang.
const lifeTimeout = 90 * time.Second

// life is a container's whole life.
func life(p *harness.Pod) error { return lifeOf(p, plain) }

func lifeOf(p *harness.Pod, change func(*protocols.Spec)) error {
	ctx, cancel := context.WithTimeout(p.Ctx, lifeTimeout)
	defer cancel()
	return lifeAs(change)(ctx, p)
}

// cleanUp ends what a life has left, as a host does.
func cleanUp(p *harness.Pod) error {
	ctx, cancel := context.WithTimeout(p.Ctx, lifeTimeout)
	defer cancel()
	return remove(ctx, p)
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
