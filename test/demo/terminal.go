// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// resizeTerminal runs kata-agent-ctl in a terminal of its own, changes the size of that, and looks
// whether the program in the container sees it.
func (d *demo) resizeTerminal(ctx context.Context) error {
	begin := time.Now()
	// The second size is asked for until it has changed: the new size and the key that asks for
	// it go different ways.
	const program = `stty size; read key; while s=$(stty size); [ "$s" = "24 80" ]; do usleep 1000; done; echo $s`
	cmd := d.command(ctx, "exec", "--tty", "web", "--", "sh", "-c", program)
	screen, err := startOn(cmd, 24, 80)
	if err != nil {
		return err
	}
	defer screen.Close()
	lines := bufio.NewReader(screen)
	first, err := nextSize(lines)
	if err != nil {
		return err
	}
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 50, Cols: 132}); err != nil {
		return err
	}
	if _, err := io.WriteString(screen, "\n"); err != nil {
		return err
	}
	second, err := nextSize(lines)
	if err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	if first != "24 80" || second != "50 132" {
		return fmt.Errorf("stty size says %q, then %q", first, second)
	}
	say(time.Since(begin), "for a session with a terminal: stty size says %s, and after a resize %s", first, second)
	return nil
}

// startOn starts a program with a new terminal, and returns the side of it where a person sits.
func startOn(cmd *exec.Cmd, rows, columns uint16) (*os.File, error) {
	screen, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // Ctty 0: its stdin
	if err = pty.Setsize(screen, &pty.Winsize{Rows: rows, Cols: columns}); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		screen.Close()
		return nil, err
	}
	return screen, nil
}

// nextSize reads the next line that is two numbers; the others are what was typed.
func nextSize(r *bufio.Reader) (string, error) {
	for {
		line, err := r.ReadString('\n')
		line = strings.TrimSpace(line)
		var rows, columns int
		if n, _ := fmt.Sscanf(line, "%d %d", &rows, &columns); n == 2 {
			return line, nil
		}
		if err != nil {
			return "", fmt.Errorf("no size comes from the terminal: %w", err)
		}
	}
}
