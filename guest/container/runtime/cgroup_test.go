// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer/configs"
)

// slowCgroup takes its time to say that it holds nothing.
type slowCgroup struct {
	cgroups.Manager
	dir         string // a directory that is no cgroup, so it has no cgroup.kill
	busy, calls atomic.Int32
}

func (m *slowCgroup) Path(string) string { return m.dir }

func (m *slowCgroup) GetAllPids() ([]int, error) {
	m.busy.Add(1)
	defer m.busy.Add(-1)
	m.calls.Add(1)
	time.Sleep(2 * time.Millisecond) // clock: being slow is what it is for
	return nil, os.ErrNotExist
}

// entered waits until somebody lists the processes.
func (m *slowCgroup) entered() {
	for m.calls.Load() == 0 {
		time.Sleep(time.Microsecond) // clock: how often it looks, without a limit
	}
}

// TestStatsBesideARemoval: the table of a container's cgroup directories, which statistics and
// updates read at any time, stays as it is when the cgroup is removed.
func TestStatsBesideARemoval(t *testing.T) {
	guesttest.NeedRoot(t, "to make cgroups")
	m := emptyCgroup(t, "removed")
	if err := m.Apply(-1); err != nil {
		t.Skip("cannot make a cgroup here:", err)
	}
	c := &Container{id: "c", cgroup: m, config: &configs.Config{Cgroups: &cgroups.Cgroup{Resources: &cgroups.Resources{}}}}
	table := m.GetPaths()
	before := len(table)
	if err := c.removeCgroup(); err != nil {
		t.Errorf("want the cgroup removed, got %v", err)
	}
	if len(table) != before {
		t.Errorf("the table has %d directories, want the %d from before the removal", len(table), before)
	}
	if m.Exists() {
		t.Error("the cgroup is still there, want it removed")
	}
}
