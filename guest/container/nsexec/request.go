// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"os"

	"github.com/kata-containers/kata-agent/guest/sys/secret"
	"github.com/opencontainers/runc/libcontainer/configs"
)

// Request is one process to be started. It describes the process completely: nothing is
// taken from the container's configuration but what Target holds.
type Request struct {
	Target *Target

	// Args[0] is looked up inside the container, in the PATH of Env, unless it has a
	// slash. Env is passed as it is: HOME must be in it, and duplicates are kept.
	Args []string
	Env  secret.Environment
	// Cwd must exist; "" is the root of the container.
	Cwd string

	Stdio

	// Ids are those inside the container's user namespace. Groups are the supplementary
	// groups, all of them.
	UID, GID uint32
	Groups   []uint32
	// Capabilities nil leaves the sets as the change of user leaves them.
	Capabilities    *Capabilities
	NoNewPrivileges bool

	Umask       *uint32 // nil: the agent's
	OOMScoreAdj *int    // nil: the agent's
	Rlimits     []configs.Rlimit

	// Seccomp is a filter as the kernel takes it: 8 bytes for each struct sock_filter.
	// SeccompFlags are the flags of seccomp(2), without listener.
	Seccomp      []byte
	SeccompFlags uint32

	SELinuxLabel    string
	AppArmorProfile string

	// Plan makes the process a container's first one: see StartInit.
	Plan *Plan

	cgroup *os.File // in place of the target's
}

// Capabilities are sets with bit n for the capability with number n; see CapabilitySet.
type Capabilities struct {
	Bounding, Effective, Permitted, Inheritable, Ambient uint64
}

// Stdio is what a process gets as its standard streams. Whoever starts it keeps the files
// and closes them.
type Stdio struct {
	// Files are its stdin, stdout and stderr; nil is /dev/null. Not used with Terminal.
	Files [3]*os.File
	// Terminal gives the process a new terminal of the container's devpts, with that
	// size in character cells if neither is 0.
	Terminal      bool
	Rows, Columns uint16
}

// Process is a started process, a child of the agent. The caller reaps it and closes the
// files.
type Process struct {
	Pid      int      // in the agent's pid namespace
	PidFD    *os.File // readable when the process has exited
	Terminal *os.File // the master; nil without Terminal
}
