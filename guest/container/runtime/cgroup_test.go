// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"os"
	"sync/atomic"
	"time"

	"github.com/opencontainers/cgroups"
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
