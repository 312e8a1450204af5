// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrNotFound is an Error whose program does not exist, by errors.Is.
var ErrNotFound = errors.New("executable file not found")

// Step is where a process failed to become what was asked for.
type Step uint32

// Steps, in the order of enum step in request.h.
const (
	StepRequest Step = iota + 1
	StepPidNamespace
	StepClone
	StepOOMScore
	StepCgroup
	StepProc
	StepRlimit
	StepNamespace
	StepUserNamespace
	StepSession
	StepPtmx
	StepTerminal
	StepStdio
	StepControllingTerminal
	StepNoNewPrivileges
	StepSELinux
	StepSeccomp
	StepCwd
	StepEscape
	StepBoundingSet
	StepChown
	StepGroups
	StepGID
	StepUID
	StepCapabilities
	StepAppArmor
	StepLookup
	StepFile
	StepRelative
	StepExec
	StepMemory
	stageReady
	StepPlan
)

var stepNames = map[Step]string{
	StepRequest:             "read request",
	StepPidNamespace:        "join pid namespace",
	StepClone:               "clone into the container",
	StepOOMScore:            "set oom_score_adj",
	StepCgroup:              "join cgroup",
	StepProc:                "open /proc",
	StepRlimit:              "set resource limits",
	StepNamespace:           "join namespaces",
	StepUserNamespace:       "join user namespace",
	StepSession:             "start session",
	StepPtmx:                "open /dev/pts/ptmx of the container",
	StepTerminal:            "make terminal",
	StepStdio:               "set up standard streams",
	StepControllingTerminal: "set controlling terminal",
	StepNoNewPrivileges:     "set no_new_privs",
	StepSELinux:             "set SELinux label",
	StepSeccomp:             "load seccomp filter",
	StepEscape:              "working directory is outside of the container",
	StepBoundingSet:         "drop bounding set",
	StepChown:               "give standard streams to the user",
	StepGroups:              "set groups",
	StepGID:                 "set group",
	StepUID:                 "set user",
	StepCapabilities:        "set capabilities",
	StepAppArmor:            "set AppArmor profile",
	StepMemory:              "allocate memory",
}

// Error says why a process could not be started. The process is gone.
type Error struct {
	Step    Step
	Errno   syscall.Errno
	request *Request

	operation int // of the plan
}

// Error uses the words of os/exec for a program that is not there, which hosts know.
func (e *Error) Error() string {
	if e.request.Plan != nil {
		if e.Step == StepPlan {
			return fmt.Sprintf("%s: %v", e.request.Plan.describe(e.operation), e.Errno)
		}
		return fmt.Sprintf("%s: %v", stepNames[e.Step], e.Errno)
	}
	program := e.request.Args[0]
	switch e.Step {
	case StepLookup:
		return fmt.Sprintf("exec: %q: executable file not found in $PATH", program)
	case StepFile:
		if e.Errno == syscall.ENOENT {
			return fmt.Sprintf("exec: %q: the file %s was not found", program, program)
		}
		return fmt.Sprintf("exec: %q: %v", program, e.Errno)
	case StepRelative:
		return fmt.Sprintf("exec: %q: cannot run executable found relative to current directory", program)
	case StepExec:
		return fmt.Sprintf("exec %q: %v", program, e.Errno)
	case StepCwd:
		return fmt.Sprintf("change directory to %q: %v", e.request.Cwd, e.Errno)
	}
	return fmt.Sprintf("%s: %v", stepNames[e.Step], e.Errno)
}

// Unwrap makes the error number comparable with errors.Is.
func (e *Error) Unwrap() error { return e.Errno }

// Is makes a missing program ErrNotFound.
func (e *Error) Is(target error) bool {
	return target == ErrNotFound && (e.Step == StepLookup || e.Step == StepFile && e.Errno == syscall.ENOENT)
}
