// SPDX-License-Identifier: Apache-2.0

package volume_test

import (
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

func BenchmarkEphemeral(b *testing.B) {
	guesttest.NeedRoot(b, "to mount")
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
