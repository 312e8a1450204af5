// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
)

// KernelEnv names a directory with boot/ and lib/modules/ to take the kernel
// from, in place of the distribution's package.
const KernelEnv = "KATA_TEST_KERNEL"

// Kernel is an unpacked kernel package.
type Kernel struct {
	// Release as uname -r tells it.
	Release string
	// Image is an uncompressed vmlinux where it could be had, else the
	// compressed one. The former saves the guest two seconds of unpacking.
	Image string
	// ModuleDir is lib/modules/<release>.
	ModuleDir string
}

var stockKernel = sync.OnceValues(func() (Kernel, error) {
	if dir := os.Getenv(KernelEnv); dir != "" {
		return kernelIn(dir)
	}
	name, err := kernelPackage()
	if err != nil {
		return Kernel{}, err
	}
	dir, err := cached(name, func(scratch string) error { return unpackKernel(name, scratch) })
	if err != nil {
		return Kernel{}, err
	}
	return kernelIn(dir)
})

var dependsOnImage = regexp.MustCompile(`Depends: (linux-image-\S+)`)

// kernelPackage is what the distribution's meta package stands for today. An
// image that was fetched before serves where there is no package list.
func kernelPackage() (string, error) {
	out, err := exec.Command("apt-cache", "depends", "linux-image-amd64").Output()
	if m := dependsOnImage.FindSubmatch(out); m != nil {
		return string(m[1]), nil
	}
	base, cacheErr := cacheDir()
	if cacheErr != nil {
		return "", cacheErr
	}
	have, _ := filepath.Glob(filepath.Join(base, "linux-image-*", "boot"))
	if len(have) > 0 {
		return filepath.Base(filepath.Dir(have[len(have)-1])), nil
	}
	return "", fmt.Errorf("no kernel package in the package lists (is apt-get update needed?): %w", errors.Join(err))
}

func unpackKernel(name, dir string) error {
	get := exec.Command("apt-get", "download", name)
	get.Dir = dir
	if out, err := get.CombinedOutput(); err != nil {
		return fmt.Errorf("download: %w: %s", err, bytes.TrimSpace(out))
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("downloaded packages: %v, %w", debs, err)
	}
	if out, err := exec.Command("dpkg", "-x", debs[0], dir).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack: %w: %s", err, bytes.TrimSpace(out))
	}
	if err := os.Remove(debs[0]); err != nil {
		return err
	}
	return extractImage(dir)
}

// kernelIn finds the parts of an unpacked package.
func kernelIn(dir string) (Kernel, error) {
	modules, _ := filepath.Glob(filepath.Join(dir, "lib/modules/*"))
	if len(modules) == 0 {
		// Where /lib is merged into /usr.
		modules, _ = filepath.Glob(filepath.Join(dir, "usr/lib/modules/*"))
	}
	if len(modules) != 1 {
		return Kernel{}, fmt.Errorf("kernel in %s: %d module directories", dir, len(modules))
	}
	k := Kernel{Release: filepath.Base(modules[0]), ModuleDir: modules[0]}
	for _, name := range []string{"boot/vmlinux", "boot/vmlinuz-" + k.Release} {
		k.Image = filepath.Join(dir, name)
		if _, err := os.Stat(k.Image); err == nil {
			return k, nil
		}
	}
	return Kernel{}, fmt.Errorf("kernel in %s: no image", dir)
}
