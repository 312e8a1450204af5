// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Arch is the processor of a VM. The zero value is the x86 of the host.
type Arch string

// ARM64 is a machine of 64-bit ARM, which QEMU emulates on the x86 host. It has what a pod needs, and
// nothing that is plugged: no root ports, no second root, no memory or CPUs to come.
const ARM64 Arch = "arm64"

// foreign is what the host needs for a guest of another processor: a compiler and QEMU, by Debian's packages.
const (
	armCompiler     = "aarch64-linux-gnu-gcc"
	armPackages     = "qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
	armPkgConfigDir = "usr/lib/aarch64-linux-gnu/pkgconfig"
)

func (a Arch) qemu() string {
	if a == ARM64 {
		return "qemu-system-aarch64"
	}
	return "qemu-system-x86_64"
}

// console is the kernel's name of the first serial port.
func (a Arch) console() string {
	if a == ARM64 {
		return "ttyAMA0"
	}
	return "ttyS0"
}

// missing says what the host lacks for such a VM, "" if nothing.
func (a Arch) missing() string {
	if runtime.GOARCH != "amd64" {
		return "the lab knows hosts of x86 only"
	}
	if _, err := exec.LookPath(a.qemu()); err != nil && a == ARM64 {
		return a.qemu() + " is not installed; as root: apt-get install --no-install-recommends " + armPackages
	} else if err != nil {
		return a.qemu() + " is not installed"
	}
	if a != ARM64 {
		return ""
	}
	if _, err := exec.LookPath(armCompiler); err != nil {
		return armCompiler + " is not installed; as root: apt-get install --no-install-recommends " + armPackages
	}
	if _, err := armFiles(); err != nil {
		return "files of Debian's arm64: " + err.Error()
	}
	return ""
}

// Need skips a test on a host that cannot have such a VM, or fails it where VMs are required.
func Need(t testing.TB, a Arch) {
	t.Helper()
	switch reason := a.missing(); {
	case reason == "":
	case os.Getenv(RequireEnv) != "":
		t.Fatal(reason)
	default:
		t.Skip(reason)
	}
}

// kernel is the distribution's for that processor.
func (a Arch) kernel() (Kernel, error) {
	if a != ARM64 {
		return stockKernel()
	}
	dir, err := armFiles()
	if err != nil {
		return Kernel{}, err
	}
	return kernelIn(dir)
}

// busybox is a static one on the host, for the guest.
func (a Arch) busybox() (string, error) {
	if a != ARM64 {
		return busyboxPath, nil
	}
	dir, err := armFiles()
	return filepath.Join(dir, busyboxPath), err
}

// build is what the Go command's environment is for such a guest, with C code or without.
func (a Arch) build(cgo bool) ([]string, error) {
	env := []string{"CGO_ENABLED=0"}
	if cgo {
		env = []string{"CGO_ENABLED=1"}
	}
	if a != ARM64 {
		return env, nil
	}
	dir, err := armFiles()
	return append(env, "GOARCH=arm64", "CC="+armCompiler,
		"PKG_CONFIG_LIBDIR="+filepath.Join(dir, armPkgConfigDir), "PKG_CONFIG_SYSROOT_DIR="+dir), err
}

// suffix is for the names of what is built.
func (a Arch) suffix() string {
	if a == "" {
		return ""
	}
	return "-" + string(a)
}

// armFiles is a directory with the unpacked packages of Debian's arm64 that a guest and its build need:
// kernel, busybox and the library of seccomp. They are downloaded once, as those of x86 are; nothing is
// installed on the host, and its own package lists stay as they are.
var armFiles = sync.OnceValues(func() (string, error) {
	return cached("debian-arm64", func(scratch string) error {
		apt := filepath.Join(scratch, "apt")
		for _, dir := range []string{"state/lists/partial", "cache/archives/partial"} {
			if err := os.MkdirAll(filepath.Join(apt, dir), 0o755); err != nil {
				return err
			}
		}
		defer os.RemoveAll(apt)
		if _, err := foreignApt(apt, "apt-get", "update"); err != nil {
			return err
		}
		out, err := foreignApt(apt, "apt-cache", "depends", "linux-image-arm64")
		image := regexp.MustCompile(`Depends: (linux-image-\S+)`).FindSubmatch(out)
		if err != nil || image == nil {
			return fmt.Errorf("no kernel of arm64 in the package lists: %w", err)
		}
		if _, err := foreignApt(apt, "apt-get", "download", string(image[1]), "busybox-static", "libseccomp-dev"); err != nil {
			return err
		}
		return unpackAll(apt, scratch)
	})
})

// foreignApt runs a tool of apt with lists and archives of its own, for arm64.
func foreignApt(dir, tool string, args ...string) ([]byte, error) {
	options := []string{"-q"}
	for _, o := range []string{
		"Dir::State=" + dir + "/state", "Dir::Cache=" + dir + "/cache", "Dir::State::status=/dev/null",
		"APT::Architecture=arm64", "APT::Architectures=arm64", "APT::Sandbox::User=root",
	} {
		options = append(options, "-o", o)
	}
	cmd := exec.Command(tool, append(options, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", tool, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

// unpackAll unpacks the packages of a directory into another.
func unpackAll(from, to string) error {
	debs, err := filepath.Glob(filepath.Join(from, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		if out, err := exec.Command("dpkg", "-x", deb, to).CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %s: %w: %s", filepath.Base(deb), err, bytes.TrimSpace(out))
		}
	}
	return nil
}
