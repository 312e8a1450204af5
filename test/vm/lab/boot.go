// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab/qmp"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// RequireEnv set to anything makes a missing QEMU a failure, not a skip.
const RequireEnv = "KATA_TEST_REQUIRE_VM"

const (
	// bootLimit is the hang guard of a boot; some 3 s are usual, a loaded
	// machine and a full root file system take longer.
	bootLimit = 5 * time.Minute
)

// Boot starts a VM and returns when its helper answers; the program under
// test starts at the same time and may need a moment more. The VM ends with t.
func Boot(t testing.TB, opts Options) *VM {
	t.Helper()
	Need(t, opts.Arch)
	opts.setDefaults()
	dir, err := os.MkdirTemp("/tmp", "kvm-") // socket paths must be short
	if err != nil {
		t.Fatal(err)
	}
	vm := &VM{t: t, opts: opts, dir: dir, vsockPath: filepath.Join(dir, "vsock"), ports: map[int]string{}}
	t.Cleanup(vm.close)
	if err := vm.start(); err != nil {
		t.Fatalf("start VM: %v", err)
	}
	vm.awaitHelper(t)
	if !opts.Snapshots {
		// QEMU has read it. Should this process be killed, little is left behind.
		os.Remove(filepath.Join(dir, "initramfs"))
	}
	return vm
}

// awaitHelper waits until the guest answers.
func (vm *VM) awaitHelper(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	defer cancel()
	if err := vm.waitForHelper(ctx); err != nil {
		t.Fatalf("boot VM: %v", err)
	}
	vm.BootTime = time.Since(vm.started)
}

func (vm *VM) start() error {
	kernel, err := vm.opts.Arch.kernel()
	if err != nil {
		return err
	}
	initramfs := filepath.Join(vm.dir, "initramfs")
	if vm.image != nil {
		initramfs = vm.image.initramfs
	} else if err := writeInitramfs(initramfs, kernel, vm.opts); err != nil {
		return err
	}
	var m machine
	defer func() {
		for _, f := range m.files {
			f.Close()
		}
	}()
	m.base(vm.opts, kernel, initramfs, vm.consolePath())
	vm.image.memory(&m, vm.opts, vm.dir)
	monitor, theirs, err := socketpair()
	if err != nil {
		return err
	}
	m.arg("-chardev", fmt.Sprintf("socket,id=qmp,fd=%d", m.pass(theirs)), "-mon", "chardev=qmp,mode=control")
	if err := vm.opts.Vsock.start(vm, &m); err != nil {
		return fmt.Errorf("%v: %w", vm.opts.Vsock, err)
	}
	if err := vm.startShares(&m); err != nil {
		return err
	}
	vm.coldPlug(&m)
	log, err := os.Create(filepath.Join(vm.dir, "qemu.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	vm.started = time.Now()
	if vm.qemu, err = startProcess(log, m.files, vm.opts.Arch.qemu(), m.args...); err != nil {
		return err
	}
	vm.guard = time.AfterFunc(vm.opts.Lifetime, func() {
		vm.outlived.Store(true)
		vm.qemu.cmd.Process.Kill()
	})
	ctx, cancel := context.WithTimeout(context.Background(), qmpLimit)
	defer cancel()
	vm.qmp, err = qmp.New(ctx, monitor)
	return err
}

// waitForHelper dials the command service until it answers.
func (vm *VM) waitForHelper(ctx context.Context) error {
	for {
		conn, err := vm.Dial(ctx, wire.CommandPort)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-vm.qemu.ended:
			return fmt.Errorf("QEMU ended: %w", vm.qemu.err)
		case <-ctx.Done():
			return fmt.Errorf("no answer from the guest: %w", err)
		case <-time.After(20 * time.Millisecond): // clock: how often it looks
		}
	}
}
