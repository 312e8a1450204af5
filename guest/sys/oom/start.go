// SPDX-License-Identifier: Apache-2.0

package oom

// #cgo CFLAGS: -O2 -Wall -Wextra
import "C" // the constructor in exec.c does the work

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// shim is the argv[0] by which the constructor knows that it shall run a program; see exec.c.
const shim = "kata-exec"

// procfs is where Start finds the agent's own binary and score.
const procfs = "/proc"

// Start is cmd.Start for a program that shall not have the agent's protection: where the
// agent's adjustment is below Neutral the program gets Neutral, before its first
// instruction. Errors are those of cmd.Start.
func Start(cmd *exec.Cmd) error {
	if score := Inherited(procfs); score != nil {
		return startWith(cmd, *score)
	}
	return cmd.Start()
}

// StartAs is Start with an adjustment between that of the agent and Neutral, for a program that the guest
// needs more than its containers. Where the agent has no lower one, the program gets what the agent has.
func StartAs(cmd *exec.Cmd, score int) error {
	if Own(procfs) < score {
		return startWith(cmd, score)
	}
	return cmd.Start()
}

// Run is Start and cmd.Wait.
func Run(cmd *exec.Cmd) error {
	if err := Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// startWith starts cmd with an adjustment that the caller may set. The agent cannot set it
// in time, for the program may start others at once; and between fork and execve Go does
// only what it knows. So this binary is executed in between.
func startWith(cmd *exec.Cmd, score int) error {
	if cmd.Err != nil {
		return cmd.Err // it was not found
	}
	failed, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer failed.Close()
	path := cmd.Path
	number := 3 + len(cmd.ExtraFiles)
	cmd.Args = append([]string{shim, strconv.Itoa(number), strconv.Itoa(score), path}, cmd.Args...)
	cmd.Path = procfs + "/self/exe"
	cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	// Its end closes with the execve, or brings the errno of what has failed.
	var errno [4]byte
	if _, err := io.ReadFull(failed, errno[:]); errors.Is(err, io.EOF) {
		return nil
	}
	_ = cmd.Wait()
	return &fs.PathError{Op: "fork/exec", Path: path, Err: syscall.Errno(binary.NativeEndian.Uint32(errno[:]))}
}
