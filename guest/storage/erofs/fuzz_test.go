// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// FuzzPlan takes any list of storages, one a line, with their parts between bars.
func FuzzPlan(f *testing.F) {
	f.Add("blk|ext4|01/00|/run/kata-containers/c1/rootfs|X-kata.multi-layer=true|X-kata.overlay-upper\nblk|erofs|02/00|/run/kata-containers/c1/rootfs|X-kata.multi-layer=true|X-kata.overlay-lower")
	f.Add("local|local|local|/run/x")
	f.Add("blk|erofs|02/00|/run/kata-containers/c1/rootfs|X-kata.mkdir.path={{ mount 0 }}/upper:0755")
	f.Fuzz(func(t *testing.T, text string) {
		var in []volume.Storage
		for line := range strings.Lines(text) {
			p := strings.Split(strings.TrimSuffix(line, "\n"), "|")
			for len(p) < 4 {
				p = append(p, "")
			}
			in = append(in, volume.Storage{Driver: p[0], FSType: p[1], Source: p[2], MountPoint: p[3], Options: p[4:]})
		}
		out, err := Plan(in)
		if err != nil {
			return
		}
		layers := 0
		for _, s := range out {
			layers += max(1, len(s.Layers))
		}
		if len(out) > len(in) || layers != len(in) {
			t.Errorf("%d storages became %d with %d layers", len(in), len(out), layers)
		}
	})
}
