// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"testing"

	"github.com/kata-containers/kata-agent/guest/storage/fsgroup"
	"github.com/kata-containers/kata-agent/protocols"
)

// FuzzVolumes takes the storages of a request over, the group of their files among it.
func FuzzVolumes(f *testing.F) {
	data, err := (&protocols.CreateContainerRequest{Storages: []*protocols.Storage{
		{Driver: "blk", Source: "02/00", Fstype: "ext4", Options: []string{"ro"}, FsGroup: &protocols.FSGroup{GroupId: 7, GroupChangePolicy: 1}}, {},
	}}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var q protocols.CreateContainerRequest
		if q.Unmarshal(data) != nil {
			return
		}
		out := volumes(q.Storages)
		if len(out) != len(q.Storages) {
			t.Fatalf("%d storages became %d", len(q.Storages), len(out))
		}
		for i, v := range out {
			g := q.Storages[i].FsGroup
			if (g == nil) != (v.FSGroup == nil) {
				t.Errorf("group %v became %v", g, v.FSGroup)
			}
			if g != nil && (v.FSGroup.ID != g.GroupId || (v.FSGroup.Policy == fsgroup.OnRootMismatch) != (g.GroupChangePolicy == protocols.FSGroupChangePolicy_OnRootMismatch)) {
				t.Errorf("group %v became %v", g, v.FSGroup)
			}
		}
	})
}
