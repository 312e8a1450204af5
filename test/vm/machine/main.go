// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/lab"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

const (
	agentPort   = 1024
	consolePort = 1026
	// lifetime bounds a machine that is forgotten.
	lifetime = 24 * time.Hour
	// rootfs is one of busybox in the guest, for containers.
	rootfs = "/run/kata-containers/shared/containers/busybox"
)

func main() {
	v1 := flag.Bool("cgroup-v1", false, "cgroup v1 in the guest; v2 unless given")
	memory := flag.Int("memory", 512, "memory of the guest in `MiB`")
	flag.Parse()
	if !run(*v1, *memory) {
		os.Exit(1)
	}
}

// run boots the machine and tells whether it has run until somebody ended it.
func run(v1 bool, memory int) (ok bool) {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	s := &session{ctx: ctx}
	ok = s.run(func() {
		vm := lab.Boot(s, lab.Options{
			Init: lab.Agent(s), CgroupV2: !v1, MemoryMiB: memory, Root: lab.TmpfsRoot(), Lifetime: lifetime,
			KernelArgs: append([]string{"agent.debug_console", fmt.Sprintf("agent.debug_console_vport=%d", consolePort)}, flag.Args()...),
		})
		if err := visit(ctx, vm); err != nil && ctx.Err() == nil {
			s.Fatal(err)
		}
	})
	return ok || ctx.Err() != nil
}

// visit shows the machine and joins this terminal to a shell in it until that ends.
func visit(ctx context.Context, vm *lab.VM) error {
	// The agent is there when its port is; a try, so that what is shown works at once.
	conn, err := dial(ctx, vm, agentPort)
	if err != nil {
		return err
	}
	conn.Close()
	if res, err := vm.Run(ctx, wire.Command{Argv: []string{wire.GuestPath, "rootfs", rootfs}}); err != nil || res.Code != 0 {
		return errors.Join(err, fmt.Errorf("make %s: status %d", rootfs, res.Code))
	}
	console, err := dial(ctx, vm, consolePort)
	if err != nil {
		return err
	}
	defer console.Close()
	fmt.Printf(`The machine runs, the agent is its init. From another terminal:

  export KATA_AGENT_SERVER_ADDR=hvsock://%s:%d
  kata-agent-ctl ps
  kata-agent-ctl bundle ./bundle && kata-agent-ctl run --rm --rootfs %s ./bundle

This is a shell in it; the machine ends with it.

`, vm.VsockPath(), agentPort, rootfs)
	return join(ctx, vm, console)
}

func dial(ctx context.Context, vm *lab.VM, port uint32) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, guard.Hang)
	defer cancel()
	return vm.DialWhenUp(ctx, port)
}

// join carries bytes between this program's streams and the shell. A terminal is raw meanwhile, so that
// ^C is a key for the shell.
func join(ctx context.Context, vm *lab.VM, console io.ReadWriter) error {
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		before, err := term.MakeRaw(fd)
		if err != nil {
			return err
		}
		defer func() { _ = term.Restore(fd, before) }()
	}
	go func() {
		_, _ = io.Copy(console, os.Stdin)
		// What standard input has ended with is the shell's last line.
		_, _ = io.WriteString(console, "\nexit\n")
	}()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(os.Stdout, console)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-vm.Exited():
	case <-ctx.Done():
	}
	return nil
}
