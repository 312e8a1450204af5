// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"sync"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// rlimitNumbers maps the names of OCI rlimits to the kernel's numbers (getrlimit(2)).
var rlimitNumbers = map[string]int{
	"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_CPU": unix.RLIMIT_CPU,
	"RLIMIT_DATA": unix.RLIMIT_DATA, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_LOCKS": unix.RLIMIT_LOCKS,
	"RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_NICE": unix.RLIMIT_NICE,
	"RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_RSS": unix.RLIMIT_RSS,
	"RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO, "RLIMIT_RTTIME": unix.RLIMIT_RTTIME,
	"RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING, "RLIMIT_STACK": unix.RLIMIT_STACK,
}

// lockLimit returns the agent's RLIMIT_MEMLOCK as it was at the first call, which is before
// the first container. On cgroup v2 libcontainer removes this limit from the agent when it
// loads a device program, and containers and sessions that are started afterwards would run
// without it.
var lockLimit = sync.OnceValue(func() *configs.Rlimit {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err != nil {
		return nil
	}
	return &configs.Rlimit{Type: unix.RLIMIT_MEMLOCK, Soft: l.Cur, Hard: l.Max}
})

// rlimits converts the limits of a process. RLIMIT_MEMLOCK is always among them.
func rlimits(in []specs.POSIXRlimit) ([]configs.Rlimit, error) {
	var out []configs.Rlimit
	lock := lockLimit()
	for _, r := range in {
		n, ok := rlimitNumbers[r.Type]
		if !ok {
			return nil, fmt.Errorf("unknown rlimit %q", r.Type)
		}
		if r.Soft > r.Hard {
			return nil, fmt.Errorf("rlimit %s: soft limit %d is above the hard limit %d", r.Type, r.Soft, r.Hard)
		}
		if n == unix.RLIMIT_MEMLOCK {
			lock = nil
		}
		out = append(out, configs.Rlimit{Type: n, Hard: r.Hard, Soft: r.Soft})
	}
	if lock != nil {
		out = append(out, *lock)
	}
	return out, nil
}
