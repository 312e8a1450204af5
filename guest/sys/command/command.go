// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
)

// maxOutput is the number of bytes kept of each output: error texts, not data.
const maxOutput = 16 << 10

// Failure is a program that ran and did not succeed.
type Failure struct {
	Path string
	// Code is the exit code, -1 if a signal ended the program.
	Code int
	// Signal ended the program if it is not zero.
	Signal         syscall.Signal
	Stdout, Stderr string
}

func (f *Failure) Error() string {
	how := fmt.Sprintf("exit code %d", f.Code)
	if f.Signal != 0 {
		how = "signal " + f.Signal.String()
	}
	return fmt.Sprintf("%s: %s stdout: %s stderr: %s", f.Path, how, f.Stdout, f.Stderr)
}

// Run runs the program at path (searched in PATH if it has no slash) to its end. The
// error is ctx's if ctx ended it, a *Failure if it ended otherwise than with exit code
// 0, or why it could not be started.
func Run(ctx context.Context, path string, args ...string) error {
	return RunInput(ctx, nil, path, args...)
}

// RunInput is Run with this standard input, for what must not stand on a command line.
func RunInput(ctx context.Context, input []byte, path string, args ...string) error {
	var stdout, stderr tail
	cmd := exec.CommandContext(ctx, path, args...)
	if input != nil {
		cmd.Stdin = bytes.NewReader(input)
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := RunGroup(cmd)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", path, context.Cause(ctx))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("run %s: %w", path, err)
	}
	f := &Failure{Path: path, Code: exit.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		f.Signal = ws.Signal()
	}
	return f
}

// tail keeps the last maxOutput bytes written: the reason stands at the end.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-maxOutput):]...)
	if over := len(t.b) - maxOutput; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
