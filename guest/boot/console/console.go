// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/kata-containers/kata-agent/guest/sys/oom"
)

// Shells are tried in this order, which hosts' documents name.
var shells = [...]string{"/run/kata-extensions/devkit/bin/devkit-sh", "/bin/bash", "/bin/sh"}

// ErrNoShell says that the guest image has no shell.
var ErrNoShell = errors.New("no shell found to launch debug console")

// again is the pause before a shell on the guest's console is started anew, and before
// another connection is accepted after an error.
const again = time.Second

// Console starts shells; the zero value does on the real system.
type Console struct {
	// Root is prefixed to the shells' paths.
	Root string
	// Report is told what went wrong; nil is nobody.
	Report func(error)
}

func (c Console) report(err error) {
	if c.Report != nil && err != nil {
		c.Report(err)
	}
}

func (c Console) shell() (*exec.Cmd, error) {
	for _, s := range shells {
		path := filepath.Join(c.Root, s)
		if _, err := os.Stat(path); err == nil {
			cmd := exec.Command(path)
			cmd.Args[0] = filepath.Base(path) // busybox goes by it
			cmd.Env = os.Environ()
			if os.Getenv("TERM") == "" {
				cmd.Env = append(cmd.Env, "TERM=linux")
			}
			return cmd, nil
		}
	}
	return nil, ErrNoShell
}

// Serve gives every connection a shell, any number at the same time, until l is closed.
func (c Console) Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			c.report(fmt.Errorf("debug console: %w", err))
			time.Sleep(again)
			continue
		}
		go func() { c.report(c.session(conn)) }()
	}
}

// session runs a shell on a terminal of its own and copies until either side ends.
func (c Console) session(conn net.Conn) error {
	defer conn.Close()
	cmd, err := c.shell()
	if err != nil {
		return err
	}
	master, err := startOnTerminal(cmd)
	if err != nil {
		return fmt.Errorf("debug console: %w", err)
	}
	go func() {
		_, _ = io.Copy(master, conn)
		_ = cmd.Process.Kill() // the connection has ended
	}()
	_, _ = io.Copy(conn, master) // ends with the shell, by EIO
	master.Close()
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // how a shell ended is no error
	return nil
}

// startOnTerminal starts a shell on a new terminal and returns its other end.
func startOnTerminal(cmd *exec.Cmd) (*os.File, error) {
	master, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := oom.Start(cmd); err != nil {
		master.Close()
		return nil, err
	}
	return master, nil
}

// OnTerminal runs a shell on a terminal device, /dev/console, again and again until ctx
// ends.
func (c Console) OnTerminal(ctx context.Context, device string) {
	for ctx.Err() == nil {
		c.report(c.onTerminal(ctx, device))
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
}

func (c Console) onTerminal(ctx context.Context, device string) error {
	tty, err := os.OpenFile(device, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return fmt.Errorf("debug console: %w", err)
	}
	defer tty.Close()
	cmd, err := c.shell()
	if err != nil {
		return err
	}
	cmd.Args = append(cmd.Args, "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := oom.Start(cmd); err != nil {
		return fmt.Errorf("debug console: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	_ = cmd.Wait()
	return nil
}
