// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"slices"
	"testing"
)

// What hosts are told is what works, in a fixed order. Pulling images is in the list of drivers,
// but not here: it depends on the guest.
func TestAnnouncedStorageHandlers(t *testing.T) {
	want := []string{
		"9p", "bind", "blk", "blk-ccw", "ephemeral", "erofs.multi-layer", "image_guest_pull", "local", "mmioblk", "nvdimm",
		"overlayfs", "scsi", "virtio-fs", "watchable-bind",
	}
	if got := storageHandlers(); !slices.Equal(got, want) {
		t.Errorf("announced %q, want %q", got, want)
	}
}
