// SPDX-License-Identifier: Apache-2.0

package mount_test

import (
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"golang.org/x/sys/unix"
)

func TestParseOptions(t *testing.T) {
	tests := []struct {
		words string // separated by spaces
		want  mount.Options
	}{
		{"", mount.Options{}},
		{"defaults", mount.Options{}},
		{"ro nosuid nodev noexec", mount.Options{Flags: unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC}},
		{"ro rw", mount.Options{Cleared: unix.MS_RDONLY}},
		{"rw ro", mount.Options{Flags: unix.MS_RDONLY}},
		{"rbind", mount.Options{Flags: unix.MS_BIND | unix.MS_REC}},
		{"bind rprivate", mount.Options{Flags: unix.MS_BIND, Propagation: unix.MS_PRIVATE | unix.MS_REC}},
		{"rshared slave", mount.Options{Propagation: unix.MS_SLAVE}},
		{"async sync dirsync iversion mand silent", mount.Options{Flags: unix.MS_SYNCHRONOUS | unix.MS_DIRSYNC | unix.MS_I_VERSION | unix.MS_MANDLOCK | unix.MS_SILENT}},
		{"noatime nodiratime relatime strictatime", mount.Options{Flags: unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME | unix.MS_STRICTATIME}},
		{"remount size=64M", mount.Options{Flags: unix.MS_REMOUNT, Data: "size=64M"}},
		{"trans=virtio,version=9p2000.L,cache=mmap nodev msize=8192", mount.Options{Flags: unix.MS_NODEV, Data: "trans=virtio,version=9p2000.L,cache=mmap,msize=8192"}},
		{"lowerdir=/a:/b io.katacontainers.fs-opt.overlay-rw X-kata.multi-layer=true", mount.Options{Data: "lowerdir=/a:/b"}},
		{"acl lazytime RO", mount.Options{Data: "acl,lazytime,RO"}},
	}
	for _, tt := range tests {
		got, err := mount.ParseOptions(strings.Fields(tt.words))
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v; want %+v", tt.words, got, err, tt.want)
		}
	}
	if _, err := mount.ParseOptions([]string{"loop"}); err == nil {
		t.Error("loop was accepted")
	}
}

// Each word of the set column has a word that takes it back.
func TestOptionWordsTakeBack(t *testing.T) {
	for set, clear := range map[string]string{
		"sync": "async", "noatime": "atime", "nodev": "dev", "nodiratime": "diratime", "noexec": "exec",
		"silent": "loud", "iversion": "noiversion", "mand": "nomand", "relatime": "norelatime",
		"strictatime": "nostrictatime", "ro": "rw", "nosuid": "suid",
	} {
		on, err := mount.ParseOptions([]string{set})
		guesttest.Must(t, err)
		off, err := mount.ParseOptions([]string{set, clear})
		guesttest.Must(t, err)
		if on.Flags == 0 || off.Flags != 0 || off.Cleared != on.Flags {
			t.Errorf("%s then %s: flags %#x then %#x, cleared %#x", set, clear, on.Flags, off.Flags, off.Cleared)
		}
	}
}
