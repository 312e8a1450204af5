// SPDX-License-Identifier: Apache-2.0

package iptables

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/command"
)

// maxErrorText is how much of a program's standard error goes into an error, in bytes.
const maxErrorText = 4096

func (t *Tables) run(ctx context.Context, program string, stdin []byte, args ...string) ([]byte, error) {
	path, err := t.find(program)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	stdout, stderr := &command.Head{Max: MaxOutput}, &command.Head{Max: maxErrorText}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	err = command.RunGroup(cmd)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("run %s: %w", program, ctx.Err())
	case err != nil:
		return nil, failure(program, err, string(stderr.Bytes()))
	case stdout.Over():
		return nil, fmt.Errorf("run %s: %w", program, ErrTooLarge)
	}
	return stdout.Bytes(), nil
}

// failure prefers the program's own words to its exit status.
func failure(program string, err error, stderr string) error {
	var exit *exec.ExitError
	if text := strings.TrimSpace(stderr); errors.As(err, &exit) && text != "" {
		return fmt.Errorf("%s failed: %s (%w)", program, text, err)
	}
	return fmt.Errorf("run %s: %w", program, err)
}
