// SPDX-License-Identifier: Apache-2.0

package volume_test

import (
	"os"
	"testing"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

func BenchmarkEphemeral(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root to mount")
	}
	dir := b.TempDir()
	d := &volume.Drivers{Mounts: mount.Mounter{Confined: []string{dir}}}
	s := volume.Storage{Driver: "ephemeral", Source: "shm", FSType: "tmpfs", MountPoint: dir + "/a/shm",
		Options: []string{"noexec", "nosuid", "nodev", "mode=1777", "size=1M"}}
	b.ReportAllocs()
	for b.Loop() {
		a, err := d.Attach(b.Context(), "", s)
		if err == nil {
			err = a.Release()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
