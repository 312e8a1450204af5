// SPDX-License-Identifier: Apache-2.0

package iptables

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/oom"
)

const (
	// maxErrorText is how much of a program's standard error goes into an error.
	maxErrorText = 4096
	// pipeGrace is how long a killed program's own children may hold its pipes.
	pipeGrace = time.Second
)

func (t *Tables) run(ctx context.Context, program string, stdin []byte, args ...string) ([]byte, error) {
	path, err := t.find(program)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = pipeGrace
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	stdout, stderr := &bounded{max: MaxOutput}, &bounded{max: maxErrorText}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	err = oom.Run(cmd)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("run %s: %w", program, ctx.Err())
	case err != nil:
		return nil, failure(program, err, stderr.buf.String())
	case stdout.over:
		return nil, fmt.Errorf("run %s: %w", program, ErrTooLarge)
	}
	return stdout.buf.Bytes(), nil
}

// failure prefers the program's own words to its exit status.
func failure(program string, err error, stderr string) error {
	var exit *exec.ExitError
	if text := strings.TrimSpace(stderr); errors.As(err, &exit) && text != "" {
		return fmt.Errorf("%s failed: %s (%w)", program, text, err)
	}
	return fmt.Errorf("run %s: %w", program, err)
}

// bounded keeps the first max bytes and takes the rest without an error, so that the
// program can end in its own way. The buffer is no embedded one: its ReadFrom would go
// round the limit.
type bounded struct {
	buf  bytes.Buffer
	max  int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.max - b.buf.Len()
	b.over = b.over || len(p) > room
	b.buf.Write(p[:min(len(p), room)])
	return len(p), nil
}
