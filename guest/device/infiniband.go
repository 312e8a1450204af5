// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// AddInfiniband gives a container the character devices in the directory infiniband of
// devRoot, "/dev": an assigned RDMA card needs them, and the host cannot know their
// numbers. A path that the specification has already is left alone.
func AddInfiniband(spec *specs.Spec, devRoot string) error {
	if spec.Linux == nil {
		return nil
	}
	dir := filepath.Join(devRoot, "infiniband")
	names, err := sysfs.Names(dir)
	if err != nil {
		return fmt.Errorf("list infiniband devices: %w", err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
			continue
		}
		has := func(d specs.LinuxDevice) bool { return d.Path == path }
		if slices.ContainsFunc(spec.Linux.Devices, has) {
			continue
		}
		addCharDevice(spec, path, &st)
	}
	return nil
}

func addCharDevice(spec *specs.Spec, path string, st *unix.Stat_t) {
	node := Node{Path: path, Type: "c", Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev))}
	mode := os.FileMode(st.Mode & 0o7777)
	spec.Linux.Devices = append(spec.Linux.Devices, specs.LinuxDevice{
		Path: path, Type: node.Type, Major: node.Major, Minor: node.Minor,
		FileMode: &mode, UID: &st.Uid, GID: &st.Gid,
	})
	if spec.Linux.Resources == nil {
		spec.Linux.Resources = &specs.LinuxResources{}
	}
	spec.Linux.Resources.Devices = append(spec.Linux.Resources.Devices, Allow(node))
}
