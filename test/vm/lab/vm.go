// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/vm/lab/qmp"
)

// qmpLimit is the hang guard of one exchange with QEMU or of one unplug.
const qmpLimit = guard.Hang

// VM is a running virtual machine. Its methods may be used from several
// goroutines.
type VM struct {
	// BootTime is from the start of QEMU to the first answer of the guest.
	BootTime time.Duration
	// Disks are the cold-plugged ones, in the order of Options.Disks.
	Disks []Device

	t         testing.TB
	opts      Options
	dir       string
	vsockPath string
	started   time.Time
	qemu      *process
	qmp       *qmp.Client
	shares    []*process
	guard     *time.Timer
	image     *Image // what it goes on from; nil after a boot
	imaged    bool   // an Image has its directory
	outlived  atomic.Bool
	mayPanic  atomic.Bool

	mu     sync.Mutex
	ports  map[int]string // root port number to the device in it
	behind int            // devices plugged behind the bridge so far
	serial int            // for ids
}

// VsockPath is the hybrid vsock socket: connect, write "CONNECT <port>\n",
// read a line with OK.
func (vm *VM) VsockPath() string { return vm.vsockPath }

// HostPortPath is the unix socket where a test must listen to receive what
// the guest dials at CID 2 on this port (see Options.HostPorts).
func (vm *VM) HostPortPath(port uint32) string { return fmt.Sprintf("%s_%d", vm.vsockPath, port) }

// Dial connects to a vsock port in the guest. It tries once: a port nobody
// listens on is an error at once.
func (vm *VM) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	conn, _, err := vm.DialNamed(ctx, port)
	return conn, err
}

// DialNamed is Dial; it also returns the port on the host's side, by which the
// guest knows the connection.
func (vm *VM) DialNamed(ctx context.Context, port uint32) (net.Conn, uint32, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", vm.vsockPath)
	if err != nil {
		return nil, 0, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	line, err := handshake(conn, port)
	if !stop() {
		err = errors.Join(err, ctx.Err())
	}
	var from uint32
	if err == nil {
		_, err = fmt.Sscanf(line, "OK %d", &from)
	}
	if err != nil {
		conn.Close()
		return nil, 0, fmt.Errorf("connect to vsock port %d: %w", port, err)
	}
	return conn, from, nil
}

// handshake reads byte by byte: what follows the line is the guest's.
func handshake(conn net.Conn, port uint32) (string, error) {
	if _, err := fmt.Fprintf(conn, "CONNECT %d\n", port); err != nil {
		return "", err
	}
	one := bufio.NewReaderSize(oneByte{conn}, 16)
	return one.ReadString('\n')
}

type oneByte struct{ net.Conn }

func (o oneByte) Read(p []byte) (int, error) { return o.Conn.Read(p[:1]) }

// DialWhenUp dials until something listens on the port, or ctx ends.
func (vm *VM) DialWhenUp(ctx context.Context, port uint32) (net.Conn, error) {
	for {
		conn, err := vm.Dial(ctx, port)
		if err == nil {
			return conn, nil
		}
		select {
		case <-vm.qemu.ended:
			return nil, errors.New("the VM ended")
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond): // clock: how often it looks
		}
	}
}

// Started is when QEMU was started.
func (vm *VM) Started() time.Time { return vm.started }

// Pause stops the guest's CPUs; its clock falls behind.
func (vm *VM) Pause(t testing.TB) { t.Helper(); vm.do(t, "stop", nil) }

// Resume lets the CPUs go on.
func (vm *VM) Resume(t testing.TB) { t.Helper(); vm.do(t, "cont", nil) }

// Freeze stops QEMU itself while f runs. Unlike Pause, the guest's clocks go on: its timers find
// that all their time has passed. Nothing may be asked of the VM meanwhile.
func (vm *VM) Freeze(t testing.TB, f func()) {
	t.Helper()
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := vm.qemu.cmd.Process.Signal(s); err != nil {
			t.Fatalf("%v to QEMU: %v", s, err)
		}
		if s == syscall.SIGSTOP {
			f()
		}
	}
}

// PowerButton asks the guest to shut down, as a host's power button does.
func (vm *VM) PowerButton(t testing.TB) { t.Helper(); vm.do(t, "system_powerdown", nil) }

// CtrlAltDel presses these keys on the guest's keyboard.
func (vm *VM) CtrlAltDel(t testing.TB) {
	t.Helper()
	keys := []qmp.Args{}
	for _, code := range []string{"ctrl", "alt", "delete"} {
		keys = append(keys, qmp.Args{"type": "qcode", "data": code})
	}
	vm.do(t, "send-key", qmp.Args{"keys": keys})
}

// Exited is closed when QEMU has ended.
func (vm *VM) Exited() <-chan struct{} { return vm.qemu.ended }

// WaitPowerOff waits until the guest has switched the machine off. A kernel
// panic, a reset or a crash of QEMU is an error that says so.
func (vm *VM) WaitPowerOff(ctx context.Context) error {
	ev, err := vm.qmp.Wait(ctx, 0, func(e qmp.Event) bool { return e.Name == "SHUTDOWN" })
	if err != nil {
		return fmt.Errorf("wait for power-off: %w", err)
	}
	var data struct{ Reason string }
	if err := json.Unmarshal(ev.Data, &data); err != nil {
		return err
	}
	select {
	case <-vm.qemu.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if data.Reason != "guest-shutdown" {
		return fmt.Errorf("the VM ended by %s, not by power-off", data.Reason)
	}
	return nil
}

// MayPanic says that a kernel panic is what the test wants.
func (vm *VM) MayPanic() { vm.mayPanic.Store(true) }

func (vm *VM) do(t testing.TB, command string, args qmp.Args) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), qmpLimit)
	defer cancel()
	if err := vm.qmp.Do(ctx, command, args, nil); err != nil {
		t.Fatal(err)
	}
}

// close ends the VM at the end of its test and judges how it lived.
func (vm *VM) close() {
	if vm.qemu != nil {
		vm.guard.Stop()
		vm.qemu.kill()
	}
	if vm.qmp != nil {
		vm.qmp.Close()
	}
	vm.opts.Vsock.stop()
	for _, s := range vm.shares {
		s.kill()
	}
	console := vm.Console()
	if vm.outlived.Load() {
		vm.t.Errorf("the VM was killed after its lifetime of %v", vm.opts.Lifetime)
	}
	if strings.Contains(console, "Kernel panic") && !vm.mayPanic.Load() {
		vm.t.Errorf("the guest's kernel panicked")
	}
	if vm.t.Failed() {
		vm.keepLogs(console)
	}
	if !vm.imaged {
		os.RemoveAll(vm.dir)
	}
}

func (vm *VM) consolePath() string { return filepath.Join(vm.dir, "console.log") }

// HostMemory is how much of the host's memory is in the guest's, in bytes.
func (vm *VM) HostMemory(t testing.TB) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", vm.qemu.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib uint64
		if _, err := fmt.Sscanf(line, "RssShmem: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	t.Fatal("no RssShmem of QEMU")
	return 0
}
