// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
)

// wording is the code of an outcome, and what its text must have; docs/errors.md has them.
func wording(c *call, cid string, out outcome) (codes.Code, string) {
	switch out {
	case okay, ended, endedWhole:
		return codes.OK, ""
	case unknown:
		return unknownCode(&c.step), fmt.Sprintf("invalid container id: %q", cid)
	case noProcess, goneWhole:
		return noProcessCode(c.Method), noProcessText(c, cid)
	case isCreating, isCreated, isRunning, isPaused, isStopped:
		return codes.FailedPrecondition, fmt.Sprintf("cannot %s container %q: it is %s", verb(c.Method), cid, stateWords[out])
	case initEnded:
		return codes.FailedPrecondition, fmt.Sprintf("%s container %q: %s", verb(c.Method), cid, endWords[c.Method])
	case exists:
		if c.Method == "ExecProcess" {
			return codes.Internal, fmt.Sprintf("exec_id '%s' already exists in container %q", c.exec(), cid)
		}
		return codes.AlreadyExists, fmt.Sprintf("container %q already exists", cid)
	case givenUp:
		return codes.Internal, fmt.Sprintf("%s container %q: container is being removed", verb(c.Method), cid)
	case badProgram:
		return codes.Internal, fmt.Sprintf(`%s container %q: exec: "/not-there": the file /not-there was not found`, verb(c.Method), cid)
	case badRoot:
		return codes.Internal, fmt.Sprintf("rootfs of container %q: open /nonexistent: no such file or directory", cid)
	case noStdin:
		return codes.Internal, fmt.Sprintf("write to stdin of container %q: stdin is closed", cid)
	case brokenPipe:
		return codes.Internal, fmt.Sprintf("write to stdin of container %q: ", cid)
	case noTerminal:
		return codes.Unavailable, "no tty"
	}
	panic(fmt.Sprintf("outcome %d", out))
}

var stateWords = map[outcome]string{
	isCreating: "creating", isCreated: "created", isRunning: "running", isPaused: "paused", isStopped: "stopped",
}

var endWords = map[string]string{"ExecProcess": "it is stopped", "StartContainer": "its init is dead"}

func verb(method string) string {
	switch method {
	case "CreateContainer":
		return "create"
	case "StartContainer":
		return "start"
	case "ExecProcess":
		return "exec in"
	case "SignalProcess":
		return "kill"
	case "StatsContainer":
		return "measure"
	}
	return strings.ToLower(strings.TrimSuffix(method, "Container"))
}

// unknownCode is what agents have always answered for a container that is not there.
func unknownCode(s *step) codes.Code {
	switch s.Method {
	case "StartContainer", "ExecProcess", "RemoveContainer", "WriteStdin":
		return codes.Internal
	}
	if s.killsAll() {
		return codes.Internal
	}
	return codes.InvalidArgument
}

func noProcessCode(method string) codes.Code {
	if method == "WriteStdin" {
		return codes.Internal
	}
	return codes.NotFound
}

func noProcessText(c *call, cid string) string {
	if c.Slot == 0 {
		return fmt.Sprintf("init process not found in container %q", cid)
	}
	return fmt.Sprintf("process not found: container %q has no exec id %q", cid, c.exec())
}

// exec is the exec id of a slot.
func (s *step) exec() string {
	if s.Slot == 0 {
		return ""
	}
	return fmt.Sprintf("e%d", s.Slot)
}

// killsAll is whether a signal goes to every process of a container.
func (s *step) killsAll() bool {
	return s.Method == "SignalProcess" && s.All && s.Signal == uint32(unix.SIGKILL)
}
