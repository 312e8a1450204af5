// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Busybox is where Debian's busybox-static installs it.
const Busybox = "/bin/busybox"

// rootDir is the name of the root file system in a bundle.
const rootDir = "rootfs"

// FillBusybox puts the distribution's busybox and the directories of a system below root, which has to
// be there and empty.
func FillBusybox(root string) error {
	if err := os.Chmod(root, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"bin", "dev", "etc", "proc", "root", "sys", "tmp", "run", "var/log"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	program, err := os.ReadFile(Busybox)
	if err != nil {
		return fmt.Errorf("busybox-static is needed: %w", err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), program, 0o755); err != nil {
		return err
	}
	out, err := exec.Command("chroot", root, "/bin/busybox", "--install", "-s", "/bin").CombinedOutput()
	if err != nil {
		return fmt.Errorf("install busybox (as root?): %w: %s", err, out)
	}
	return nil
}

// Make makes a bundle in dir, which must not be there or be empty: of an image (see OpenImage), or of
// busybox if image is "". What is there after an error is removed.
func Make(dir, image string) (err error) {
	root := filepath.Join(dir, rootDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(root)
			_ = os.Remove(dir) // if nothing else was in it
		}
	}()
	process := &specs.Process{Args: []string{"sh"}, Cwd: "/", Env: []string{defaultPath}, Terminal: true}
	if image == "" {
		err = FillBusybox(root)
	} else {
		process, err = fillImage(root, image)
	}
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	text, err := json.MarshalIndent(defaultSpec(process), "", "  ")
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, ConfigFile), append(text, '\n'), 0o644)
}

func fillImage(root, where string) (*specs.Process, error) {
	image, err := OpenImage(where)
	if err != nil {
		return nil, err
	}
	if err := Unpack(image, root); err != nil {
		return nil, err
	}
	return ProcessOf(image)
}

// defaultSpec is a specification as containerd makes it for a container without wishes.
func defaultSpec(p *specs.Process) *specs.Spec {
	caps := []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
	p.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	p.NoNewPrivileges = true
	mount := func(dest, kind string, options ...string) specs.Mount {
		return specs.Mount{Destination: dest, Type: kind, Source: kind, Options: options}
	}
	return &specs.Spec{
		Version: specs.Version, Process: p, Root: &specs.Root{Path: rootDir}, Hostname: "container",
		Mounts: []specs.Mount{
			mount("/proc", "proc", "nosuid", "noexec", "nodev"),
			mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
			mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
			mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		},
		Linux: &specs.Linux{
			Namespaces:    []specs.LinuxNamespace{{Type: "pid"}, {Type: "ipc"}, {Type: "uts"}, {Type: "mount"}, {Type: "network"}},
			MaskedPaths:   []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}
