// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// config is the specification of every container, but for its cgroup.
//
//go:embed config.json
var config string

// busybox is where Debian's busybox-static installs it.
const busybox = "/bin/busybox"

// bundle makes an OCI bundle for a container and returns its directory.
func (d *demo) bundle(id string) (string, error) {
	dir := filepath.Join(d.dir, id)
	rootfs := filepath.Join(dir, "rootfs")
	for _, sub := range []string{"bin", "dev", "proc", "sys", "tmp"} {
		if err := os.MkdirAll(filepath.Join(rootfs, sub), 0o755); err != nil {
			return "", err
		}
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return "", fmt.Errorf("busybox-static is needed (make setup): %w", err)
	}
	if err := os.WriteFile(filepath.Join(rootfs, "bin/busybox"), program, 0o755); err != nil {
		return "", err
	}
	install := exec.Command("chroot", rootfs, "/bin/busybox", "--install", "-s", "/bin")
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("install busybox: %w: %s", err, out)
	}
	text := strings.ReplaceAll(config, "@CGROUP@", d.cgroup()+"/"+id)
	return dir, os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o644)
}
