// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrNotFound is an Error whose program does not exist, by errors.Is.
var ErrNotFound = errors.New("executable file not found")

// Stage is the step at which a process failed to become what was asked for.
type Stage uint32

// Stages, in the order of enum stage in request.h.
const (
	StageRequest Stage = iota + 1
	StagePidNamespace
	StageClone
	StageOOMScore
	StageCgroup
	StageProc
	StageRlimit
	StageNamespace
	StageUserNamespace
	StageSession
	StagePtmx
	StageTerminal
	StageStdio
	StageControllingTerminal
	StageNoNewPrivileges
	StageSELinux
	StageSeccomp
	StageCwd
	StageEscape
	StageBoundingSet
	StageChown
	StageGroups
	StageGID
	StageUID
	StageCapabilities
	StageAppArmor
	StageLookup
	StageFile
	StageRelative
	StageExec
	StageMemory
	stageReady
)

var stageNames = map[Stage]string{
	StageRequest:             "read request",
	StagePidNamespace:        "join pid namespace",
	StageClone:               "clone into the container",
	StageOOMScore:            "set oom_score_adj",
	StageCgroup:              "join cgroup",
	StageProc:                "open /proc",
	StageRlimit:              "set resource limits",
	StageNamespace:           "join namespaces",
	StageUserNamespace:       "join user namespace",
	StageSession:             "start session",
	StagePtmx:                "open /dev/pts/ptmx of the container",
	StageTerminal:            "make terminal",
	StageStdio:               "set up standard streams",
	StageControllingTerminal: "set controlling terminal",
	StageNoNewPrivileges:     "set no_new_privs",
	StageSELinux:             "set SELinux label",
	StageSeccomp:             "load seccomp filter",
	StageEscape:              "working directory is outside of the container",
	StageBoundingSet:         "drop bounding set",
	StageChown:               "give standard streams to the user",
	StageGroups:              "set groups",
	StageGID:                 "set group",
	StageUID:                 "set user",
	StageCapabilities:        "set capabilities",
	StageAppArmor:            "set AppArmor profile",
	StageMemory:              "allocate memory",
}

// Error says why a process could not be started. The process is gone.
type Error struct {
	Stage   Stage
	Errno   syscall.Errno
	request *Request
}

// Error uses the words of os/exec for a program that is not there, which hosts know.
func (e *Error) Error() string {
	program := e.request.Args[0]
	switch e.Stage {
	case StageLookup:
		return fmt.Sprintf("exec: %q: executable file not found in $PATH", program)
	case StageFile:
		if e.Errno == syscall.ENOENT {
			return fmt.Sprintf("exec: %q: the file %s was not found", program, program)
		}
		return fmt.Sprintf("exec: %q: %v", program, e.Errno)
	case StageRelative:
		return fmt.Sprintf("exec: %q: cannot run executable found relative to current directory", program)
	case StageExec:
		return fmt.Sprintf("exec %q: %v", program, e.Errno)
	case StageCwd:
		return fmt.Sprintf("change directory to %q: %v", e.request.Cwd, e.Errno)
	}
	return fmt.Sprintf("%s: %v", stageNames[e.Stage], e.Errno)
}

// Unwrap makes the error number comparable with errors.Is.
func (e *Error) Unwrap() error { return e.Errno }

// Is makes a missing program ErrNotFound.
func (e *Error) Is(target error) bool {
	return target == ErrNotFound && (e.Stage == StageLookup || e.Stage == StageFile && e.Errno == syscall.ENOENT)
}
