// SPDX-License-Identifier: Apache-2.0

package ctl

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/kata-containers/kata-agent/test/guard"
)

// onTerminal starts a program on a new terminal of 24 lines and 80 columns and returns the side
// where a person sits.
func onTerminal(t *testing.T, cmd *exec.Cmd) *os.File {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	defer tty.Close()
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // Ctty 0: its stdin
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return screen
}

// expect reads lines until one holds text.
func expect(t *testing.T, r *bufio.Reader, text string) {
	t.Helper()
	var seen strings.Builder
	for {
		line, err := r.ReadString('\n')
		seen.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("no %q comes: %v\n%s", text, err, seen.String())
		}
	}
}

// TestTerminal types into a shell: size, resize, ^C, and a status at the end.
func TestTerminal(t *testing.T) {
	p := newPod(t)
	p.want(result{stdout: "c1\n"}, "", "run", "-d", "--id", "c1", p.bundle)
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	cmd := p.command(ctx, "shell", "c1")
	screen := onTerminal(t, cmd)
	lines := bufio.NewReader(screen)
	write := func(text string) {
		t.Helper()
		if _, err := io.WriteString(screen, text); err != nil {
			t.Fatal(err)
		}
	}
	write("echo size $(stty size)\r")
	expect(t, lines, "size 24 80")
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 50, Cols: 132}); err != nil {
		t.Fatal(err)
	}
	write("while [ \"$(stty size)\" = '24 80' ]; do sleep 0.01; done; echo size $(stty size)\r")
	expect(t, lines, "size 50 132")
	// ^C is a key, and goes to the program in the container, not to the client.
	write("sh -c \"trap 'echo caught; exit' INT; echo waiting; while :; do sleep 0.01; done\"\r")
	expect(t, lines, "waiting\r")
	write("\x03")
	expect(t, lines, "caught")
	write("exit 6\r")
	_, _ = io.Copy(io.Discard, lines) // until the other side is closed
	_ = cmd.Wait()                    // checked by its status
	if code := cmd.ProcessState.ExitCode(); code != 6 {
		t.Errorf("ended with %d", code)
	}
	p.want(result{}, "", "call", "RemoveContainer", "container_id=c1")
}

// TestRunOnTerminal: a bundle that asks for a terminal gets one where there is one.
func TestRunOnTerminal(t *testing.T) {
	p := newPod(t)
	ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
	defer cancel()
	cmd := p.command(ctx, "run", "--rm", "-t", p.bundle, "--", "sh", "-c", "tty; stty size; exit 4")
	screen := onTerminal(t, cmd)
	lines := bufio.NewReader(screen)
	expect(t, lines, "/dev/")
	expect(t, lines, "24 80")
	_, _ = io.Copy(io.Discard, lines) // until the other side is closed
	_ = cmd.Wait()                    // checked by its status
	if code := cmd.ProcessState.ExitCode(); code != 4 {
		t.Errorf("ended with %d", code)
	}
}

// TestTop watches an agent, and ends at q with the terminal as it was.
func TestTop(t *testing.T) {
	p := newPod(t)
	p.want(result{stdout: "c1\n"}, "", "run", "-d", "--id", "c1", p.bundle)
	cmd := p.command(guard.Context(t), "top", "--interval", "10ms")
	screen := onTerminal(t, cmd)
	var seen strings.Builder
	// One word: between two of them the cursor may be moved, where there was a blank before.
	for buf := make([]byte, 4096); !strings.Contains(seen.String(), "running"); {
		n, err := screen.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("no container is shown: %v\n%s", err, seen.String())
		}
	}
	if _, err := io.WriteString(screen, "q"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, screen) // until the other side is closed
	if err := cmd.Wait(); err != nil {
		t.Errorf("top ended with %v, want a good end", err)
	}
	p.want(result{stdout: "c1\n"}, "", "rm", "c1")
}
