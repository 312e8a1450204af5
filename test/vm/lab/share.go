// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// virtiofsd finds the daemon: distributions keep it out of PATH.
func virtiofsd() (string, error) {
	for _, path := range []string{"virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", errors.New("virtiofsd is not installed")
}

// NeedVirtiofs skips a test where there is no virtiofsd.
func NeedVirtiofs(t testing.TB) {
	t.Helper()
	if _, err := virtiofsd(); err != nil {
		t.Skip(err)
	}
}

// startShares starts one virtiofsd for each share and adds its device.
func (vm *VM) startShares(m *machine) error {
	if len(vm.opts.Shares) == 0 {
		return nil
	}
	daemon, err := virtiofsd()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(vm.dir, "virtiofsd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	for tag, dir := range vm.opts.Shares {
		n := len(vm.shares)
		socket := filepath.Join(vm.dir, fmt.Sprintf("fs%d", n))
		p, err := startProcess(log, nil, daemon, "--socket-path="+socket,
			"-o", "source="+dir, "-o", "sandbox=chroot", "-o", "cache=none")
		if err != nil {
			return fmt.Errorf("virtiofsd: %w", err)
		}
		vm.shares = append(vm.shares, p)
		if err := waitForFile(socket, p.ended, guard.Hang); err != nil {
			return fmt.Errorf("virtiofsd: %w", err)
		}
		m.arg("-chardev", fmt.Sprintf("socket,id=fs%d,path=%s", n, socket),
			"-device", fmt.Sprintf("vhost-user-fs-pci,chardev=fs%d,tag=%s,bus=pcie.0,addr=%#x", n, tag, 0x10+n))
	}
	return nil
}
