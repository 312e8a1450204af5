// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/spf13/cobra"
)

// Exit statuses of the commands that run a program in a container, as docker and kubectl have
// them. Other commands end with statusError after an error of any kind.
const (
	statusError         = 1
	statusTrouble       = 125 // of this program or the agent: the program did not run
	statusNotExecutable = 126
	statusNotFound      = 127
	statusSignal        = 128 // and the signal's number
)

// exitStatus is an error that ends this program with the status of a process in the guest, and
// without a message.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is an error in the words of a command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// complaint is what this program says of an error; nothing of an exit status.
func complaint(cmd *cobra.Command, err error) string {
	if errors.As(err, new(exitStatus)) {
		return ""
	}
	if errors.As(err, new(usageError)) {
		return fmt.Sprintf("%v\nUsage: %s\n\"%s --help\" says more.", err, cmd.UseLine(), cmd.CommandPath())
	}
	return err.Error()
}

// statusOf is the exit status for an error of a command.
func statusOf(cmd *cobra.Command, err error) int {
	var status exitStatus
	var by interrupt
	switch {
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &by):
		return statusSignal + int(by)
	case cmd.Annotations[runsProgram] == "":
		return statusError
	}
	return notRun(err)
}

// runsProgram is the annotation of commands whose exit status is that of a program in the guest.
const runsProgram = "runs a program"

// notRun is the status for a program that was not run. An agent reports why in its text only, with
// the words of Go's os/exec and of the kernel.
func notRun(err error) int {
	call := new(client.Error)
	if !errors.As(err, &call) || !startsPrograms[call.Method] {
		return statusTrouble
	}
	_, reason, found := strings.Cut(call.Error(), "exec: ")
	switch {
	case !found:
		return statusTrouble
	case strings.Contains(reason, "not found"), strings.Contains(reason, "no such file or directory"):
		return statusNotFound
	case strings.Contains(reason, "permission denied"), strings.Contains(reason, "exec format error"),
		strings.Contains(reason, "is a directory"):
		return statusNotExecutable
	}
	return statusTrouble
}

// startsPrograms are the calls whose errors may be about the program.
var startsPrograms = map[string]bool{"CreateContainer": true, "StartContainer": true, "ExecProcess": true}
