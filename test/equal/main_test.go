// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"golang.org/x/sys/unix"

	_ "github.com/kata-containers/kata-agent/guest/boot/reexec" // libcontainer starts containers by running this binary again
)

// inside is set in the mount namespace of the tests' own.
const inside = "KATA_EQUAL_INSIDE"

// TestMain gives the tests a mount namespace, as containers may have mounts that come back to where they
// are made from.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 || os.Getenv(inside) != "" {
		os.Exit(runTests(m))
	}
	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Args[0] = os.Args[0]
	self.Env = append(os.Environ(), inside+"=1")
	self.Stdin, self.Stdout, self.Stderr = os.Stdin, os.Stdout, os.Stderr
	self.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := self.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// probe is the program of the containers, in a directory with all of programs.
var probe string

// collect puts the programs of the containers into a directory.
func collect(dir string) (probe string, err error) {
	built, err := Probe(dir)
	if err != nil {
		return "", err
	}
	for name, from := range map[string]string{"probe": built, "busybox": busybox} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o755)
		}
		if err == nil {
			err = os.Chmod(filepath.Join(dir, name), 0o755)
		}
		if err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "probe"), nil
}

func runTests(m *testing.M) int {
	guesttest.HearAllSignals()
	dir, err := os.MkdirTemp("", "kata-equal")
	if err == nil {
		defer os.RemoveAll(dir)
		probe, err = collect(dir)
	}
	if err == nil && os.Getenv(inside) != "" {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
