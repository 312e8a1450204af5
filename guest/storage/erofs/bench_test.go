// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"testing"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// BenchmarkMount puts an image of 32 layers in place and takes it away.
func BenchmarkMount(b *testing.B) {
	dir := b.TempDir()
	m := &Mounter{Volumes: &volume.Drivers{Mounts: mount.Mounter{Confined: []string{dir}}, RunDir: dir}}
	var members []volume.Storage
	var nodes []string
	for range 32 {
		s := lower("02/00")
		s.MountPoint = dir + "/c/rootfs"
		members = append(members, s)
		nodes = append(nodes, erofstest.Loop(b, erofstest.Bottom))
	}
	for b.Loop() {
		g, err := Parse(members)
		if err != nil {
			b.Fatal(err)
		}
		a, err := m.Mount(b.Context(), "c", g, nodes)
		if err == nil {
			err = a.Release()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
