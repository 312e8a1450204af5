// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/bundle"
	"github.com/kata-containers/kata-agent/protocols"
)

const (
	// dataFile is known content in a root file system that was made here.
	dataFile = "/load.data"
	dataSize = 4 << 20
	zeroSize = 64 << 10
)

// rootfs is the root file system of all containers.
type rootfs struct {
	path string
	made bool // here, so it has the data file
	// data is what streams consist of, over and over.
	data []byte
	// cgroup is above the containers', below each controller.
	cgroup string
}

// newRootfs makes a root file system of the distribution's busybox, or takes one that is where the
// agent is, of which nothing is known but that it has busybox.
func newRootfs(path string) (*rootfs, error) {
	r := &rootfs{path: path, cgroup: fmt.Sprintf("/kata-load-%d", os.Getpid())}
	if path != "" {
		r.data = make([]byte, zeroSize)
		return r, nil
	}
	dir, err := os.MkdirTemp("", "kata-load")
	if err != nil {
		return nil, fmt.Errorf("root file system: %w", err)
	}
	r.path, r.made, r.data = dir, true, make([]byte, dataSize)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(r.data) // never fails
	if err := r.fill(); err != nil {
		r.remove()
		return nil, fmt.Errorf("root file system: %w", err)
	}
	return r, nil
}

func (r *rootfs) fill() error {
	if err := bundle.FillBusybox(r.path); err != nil {
		return fmt.Errorf("%w (or give --rootfs)", err)
	}
	return os.WriteFile(filepath.Join(r.path, dataFile), r.data, 0o644)
}

// remove removes what was made: the files, and the empty cgroups above those of the containers.
func (r *rootfs) remove() {
	if !r.made {
		return
	}
	_ = os.RemoveAll(r.path)
	tops, _ := filepath.Glob("/sys/fs/cgroup/*" + r.cgroup)
	for _, dir := range append(tops, "/sys/fs/cgroup"+r.cgroup) {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.Remove(dir); err != nil {
			fmt.Fprintf(os.Stderr, "left behind: %v\n", err)
		}
	}
}

// produce is a shell command that writes n bytes of data, over and over.
func (r *rootfs) produce(n int64) string {
	if !r.made {
		return fmt.Sprintf("head -c %d /dev/zero", n)
	}
	return fmt.Sprintf("i=0; while [ $i -lt %d ]; do cat %s; i=$((i+1)); done; head -c %d %s",
		n/dataSize, dataFile, n%dataSize, dataFile)
}

// spec is a container as the Go runtime sends it.
func (r *rootfs) spec(id string, args ...string) *protocols.Spec {
	p := process(args...)
	caps := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"}
	p.Capabilities = &protocols.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	p.NoNewPrivileges = true
	mount := func(dest, kind string, options ...string) *protocols.Mount {
		return &protocols.Mount{Destination: dest, Type: kind, Source: kind, Options: options}
	}
	return &protocols.Spec{
		Version: "1.1.0", Process: p, Root: &protocols.Root{Path: r.path}, Hostname: "load",
		Mounts: []*protocols.Mount{
			mount("/proc", "proc", "nosuid", "noexec", "nodev"),
			mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
			mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		},
		Linux: &protocols.Linux{
			CgroupsPath:   r.cgroup + "/" + id,
			Namespaces:    []*protocols.LinuxNamespace{{Type: "ipc"}, {Type: "uts"}, {Type: "mount"}},
			Resources:     &protocols.LinuxResources{CPU: new(protocols.LinuxCPU), Memory: new(protocols.LinuxMemory)},
			MaskedPaths:   []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}
